// An answer as it is shown: its text, each citation a way to its source, and notes on it.

import { open } from "./reader.js";

const text = document.getElementById("text");
const notes = document.getElementById("notes");
const citations = document.getElementById("citations");

export function clear() {
  for (const part of [text, notes, citations]) part.replaceChildren();
}

export function show(told) {
  write(told.text, told.citations);
  citations.replaceChildren(...told.citations.map(listed));
  if (told.mode === "extractive" && told.citations.length) note("The documents' own sentences, word for word.");
  for (const line of told.degraded) note(line);
}

// What a document says is text here, and nothing else.
export function write(words, cited) {
  text.replaceChildren(
    ...words.split(/\n{2,}/).map((paragraph) => {
      const p = document.createElement("p");
      p.append(...pieces(paragraph, cited));
      return p;
    }),
  );
}

export function note(line, kind = "") {
  const item = document.createElement("li");
  item.className = kind;
  item.textContent = line;
  notes.append(item);
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
