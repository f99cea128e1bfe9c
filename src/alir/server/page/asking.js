// A question and its answer: streamed, each citation a way to its source.

import * as picture from "./picture.js";
import { open } from "./reader.js";
import { stream } from "./service.js";

const form = document.getElementById("ask");
const question = document.getElementById("question");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const answer = document.getElementById("answer");
const text = document.getElementById("text");
const notes = document.getElementById("notes");
const citations = document.getElementById("citations");
const state = document.getElementById("state");
let asking = null;

question.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
stop.addEventListener("click", () => asking?.abort());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!asking && question.value.trim()) ask(question.value.trim());
});

async function ask(asked) {
  asking = new AbortController();
  begin(asked);
  let streamed = "";
  try {
    const body = JSON.stringify({ question: asked, steps: true });
    const headers = { "Content-Type": "application/json" };
    const options = { method: "POST", body, headers, signal: asking.signal };
    for await (const [name, told] of stream("/v1/ask", options)) {
      if (name === "token") {
        streamed += told.text;
        write(streamed, []);
      } else if (name === "step") picture.note(told);
      else if (name === "answer") show(told);
      else if (name === "problem") note(told.detail, "problem");
    }
    state.textContent = "Answered.";
  } catch (error) {
    const stopped = error.name === "AbortError";
    note(stopped ? "Stopped. The answer is not whole." : error.message, "problem");
    state.textContent = stopped ? "Stopped." : "Not answered.";
  }
  picture.end();
  answer.removeAttribute("aria-busy");
  asking = null;
  send.disabled = false;
  stop.hidden = true;
}

function begin(asked) {
  document.getElementById("answered").textContent = asked;
  for (const part of [text, notes, citations]) part.replaceChildren();
  answer.hidden = false;
  answer.setAttribute("aria-busy", "true");
  send.disabled = true;
  stop.hidden = false;
  state.textContent = "Answering…";
  picture.begin();
}

function show(told) {
  write(told.text, told.citations);
  citations.replaceChildren(...told.citations.map(listed));
  if (told.mode === "extractive") note("The documents' own sentences, word for word.");
  for (const line of told.degraded) note(line);
}

// What a document says is text here, and nothing else.
function write(words, cited) {
  text.replaceChildren(
    ...words.split(/\n{2,}/).map((paragraph) => {
      const p = document.createElement("p");
      p.append(...pieces(paragraph, cited));
      return p;
    }),
  );
}

function pieces(paragraph, cited) {
  return paragraph.split(/(\[\d+\]|\[unsupported\])/).map((piece) => {
    if (piece === "[unsupported]") {
      const mark = document.createElement("mark");
      mark.className = "unsupported";
      mark.textContent = "unsupported";
      mark.title = "Nothing that it cites bears this sentence out";
      return mark;
    }
    const number = /^\[(\d+)\]$/.exec(piece)?.[1];
    const citation = number && cited[number - 1];
    if (!citation) return piece;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "cite";
    button.textContent = number;
    button.setAttribute("aria-label", `Citation ${number}: open ${citation.file}`);
    button.addEventListener("click", () => open(citation));
    return button;
  });
}

function listed(citation) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  const onPage = citation.page === null ? "" : `, page ${citation.page}`;
  button.textContent = `${citation.file.split("/").at(-1)}${onPage}`;
  button.title = citation.file;
  button.addEventListener("click", () => open(citation));
  const quote = document.createElement("q");
  quote.textContent = citation.quote.replace(/\s+/g, " ");
  item.append(button, " ", quote);
  return item;
}

function note(line, kind = "") {
  const item = document.createElement("li");
  item.className = kind;
  item.textContent = line;
  notes.append(item);
}
