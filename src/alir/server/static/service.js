// The service's API: JSON answers, streams of events, and what went wrong in words.

export class Refused extends Error {}

export async function call(path, options = {}) {
  const answer = await reached(path, options);
  const type = answer.headers.get("content-type") ?? "";
  return type.includes("json") ? answer.json() : answer.text();
}

// Yields [name, object] of each server-sent event.
export async function* stream(path, options = {}) {
  const headers = { ...options.headers, Accept: "text/event-stream" };
  const answer = await reached(path, { ...options, headers });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value.replaceAll("\r", "");
    const blocks = held.split("\n\n");
    held = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n");
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
      if (name) yield [name, JSON.parse(data.join("\n"))];
    }
  }
}

async function reached(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The service cannot be reached. Is alir serve still running?");
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => null);
  throw new Refused(problem?.detail ?? `The service answered ${answer.status}.`);
}
