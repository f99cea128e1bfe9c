// OpenAI's client as programs use it, in Node and in a browser: returns what it got.
const question = { role: "user", content: "Where do bees keep their honey?" };
const image = {
  role: "user",
  content: [
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
  ],
};

async function caught(call) {
  try {
    await call();
  } catch (error) {
    const { status, code, param, message } = error;
    const headers = Object.fromEntries(error.headers ?? []);
    return { kind: error.constructor.name, status, code, param, message, headers };
  }
  return null;
}

async function read(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

export async function using(OpenAI, options) {
  const client = new OpenAI({ ...options, maxRetries: 0 });
  const chat = (more) =>
    client.chat.completions.create({ model: "alir", messages: [question], ...more });
  const embed = (more) =>
    client.embeddings.create({ model: "alir-embedding", input: ["wax", "egg"], ...more });

  const models = [];
  for await (const model of client.models.list()) models.push(model.id);
  const { data: whole, response } = await chat().withResponse();
  const assistant = whole.choices[0].message;
  return {
    models,
    whole: assistant,
    request_id: response.headers.get("x-request-id"),
    stream: await read(await chat({ stream: true, stream_options: { include_usage: true } })),
    follow_up: (await chat({ messages: [image, assistant, question] })).choices[0].message,
    by_default: (await embed()).data.map((one) => one.embedding),
    as_floats: (await embed({ encoding_format: "float" })).data.map((one) => one.embedding),
    no_such_model: await caught(() => chat({ model: "gpt-4o" })),
    no_json: await caught(() => chat({ response_format: { type: "json_object" } })),
    no_key: await caught(() => new OpenAI({ ...options, apiKey: "x" }).models.list()),
  };
}

// Of a service that has no documents, and lets a key ask twice in a minute.
export async function failing(OpenAI, options) {
  const client = new OpenAI({ ...options, maxRetries: 0 });
  const chat = (more) =>
    client.chat.completions.create({ model: "alir", messages: [question], ...more });
  return {
    whole: await caught(() => chat()),
    stream: await caught(async () => read(await chat({ stream: true }))),
    too_many: await caught(() => chat()),
  };
}
