// What the agent decides, as it comes: the parts of the question, what was found, its question back.

import { call } from "./service.js";

const apart = document.getElementById("apart");
const parts = document.getElementById("parts");
const meant = document.getElementById("meant");
const meanings = document.getElementById("meanings");
const doubt = document.getElementById("doubt");
const state = document.getElementById("state");

export function begin() {
  apart.hidden = true;
  apart.open = true;
  parts.replaceChildren();
  document.getElementById("understood").textContent = "";
  end();
}

export function end() {
  meant.hidden = true;
}

export function note(name, told) {
  if (name === "meaning_asked") {
    ask(told);
    return;
  }
  if (name === "question_restated") {
    document.getElementById("understood").textContent = `Understood as: ${told.question}`;
  } else if (name === "question_decomposed") {
    end();
    state.textContent = "Answering…";
    parts.replaceChildren(...told.parts.map(part));
    apart.hidden = false;
  } else if (name === "evidence_found") {
    const files = told.files.map((file) => file.split("/").at(-1)).join(", ");
    const found = `${count(told.passages, "passage")}${files ? ` in ${files}` : ""}`;
    say(told.part, `“${told.query}”: ${found}`);
  } else if (name === "evidence_accepted") {
    settle(told.part, "found", `Good enough: ${told.grade.toFixed(2)}.`);
  } else if (name === "evidence_weak") {
    say(told.part, `Not good enough: ${told.grade.toFixed(2)}.`);
  } else if (name === "query_rewritten") {
    say(told.part, `In other words: “${told.query}”`);
  } else if (name === "sub_question_given_up") {
    settle(told.part, "given up", told.reason);
  }
}

function ask({ id, question, meanings: whole, waits_s: wait }) {
  doubt.textContent = `“${question}” may mean more than one thing. Which?`;
  const choices = whole.map((one) => [one, one]);
  meanings.replaceChildren(...[...choices, ["As I asked it", question]].map(choice));
  meant.hidden = false;
  meant.focus();
  state.textContent = `Waiting ${Math.round(wait)} s for what you mean.`;

  function choice([words, meaning]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.addEventListener("click", async () => {
      const headers = { "Content-Type": "application/json" };
      const body = JSON.stringify({ meaning });
      for (const one of meanings.children) one.disabled = true;
      try {
        await call(`/v1/agent/${id}/meaning`, { method: "POST", headers, body });
      } catch (error) {
        state.textContent = error.message;
      }
    });
    return button;
  }
}

function part(question) {
  const [item, name, what] = ["li", "span", "span"].map((tag) => document.createElement(tag));
  name.textContent = question;
  what.className = "what";
  what.textContent = "searching";
  item.append(name, " ", what, document.createElement("ul"));
  return item;
}

function say(number, line) {
  const item = document.createElement("li");
  item.textContent = line;
  parts.children[number - 1]?.querySelector("ul").append(item);
}

function settle(number, how, line) {
  const what = parts.children[number - 1]?.querySelector(".what");
  if (!what) return;
  what.textContent = how;
  what.classList.toggle("failed", how !== "found");
  say(number, line);
}

function count(number, thing) {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
