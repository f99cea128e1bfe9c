// Conversations: one is chosen, begun, looked at and deleted.

import { call } from "./service.js";

const choice = document.getElementById("session");
const forget = document.getElementById("forget");
const earlier = document.getElementById("earlier");
const turns = document.getElementById("turns");
const state = document.getElementById("state");
const NONE = "";
// No conversation can be called so.
const NEW = "+";

choice.addEventListener("change", () => settle());
forget.addEventListener("click", async () => {
  const name = choice.value;
  if (!confirm(`Delete the conversation ${name}?`)) return;
  try {
    await call(`/v1/sessions/${encodeURIComponent(name)}`, { method: "DELETE" });
    state.textContent = `${name} is deleted.`;
  } catch (error) {
    state.textContent = error.message;
  }
  await list(NONE);
});

// Fills the list, and keeps what is chosen, or chooses `name`.
export async function list(name) {
  try {
    const { sessions } = await call("/v1/sessions?limit=100");
    const held = sessions.map((one) => option(one.name, `${one.name} (${one.questions})`));
    const wanted = name ?? choice.value;
    choice.replaceChildren(option(NONE, "Not kept"), option(NEW, "A new one"), ...held);
    choice.value = wanted;
    if (choice.selectedIndex < 0) choice.value = NONE;
  } catch (error) {
    state.textContent = error.message;
  }
  forget.hidden = !isHeld();
  if (!isHeld()) earlier.hidden = true;
}

// The name of the conversation that a question belongs to, if to any.
export function chosen(question) {
  if (choice.value !== NEW) return choice.value || null;
  const words = question.normalize("NFKD").toLowerCase().match(/[a-z0-9]+/g) ?? ["talk"];
  const letters = crypto.getRandomValues(new Uint8Array(3));
  const ending = Array.from(letters, (one) => one.toString(36).padStart(2, "0")).join("");
  return `${words.slice(0, 6).join("-").slice(0, 32)}-${ending}`;
}

// Shows what was said before, the last at the end.
export async function look(name) {
  const held = isHeld() ? await call(`/v1/sessions/${encodeURIComponent(name)}`) : { turns: [] };
  turns.replaceChildren(...held.turns.reverse().map(turn));
  show(true);
}

export function show(isShown) {
  earlier.hidden = !isShown || !isHeld() || !turns.children.length;
}

async function settle() {
  forget.hidden = !isHeld();
  try {
    await look(choice.value);
  } catch (error) {
    state.textContent = error.message;
  }
}

const isHeld = () => choice.value !== NONE && choice.value !== NEW;

function option(value, words) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = words;
  return made;
}

function turn({ question, answer }) {
  const [item, whole, asked, said] = ["li", "details", "summary", "p"].map((tag) =>
    document.createElement(tag),
  );
  asked.textContent = question;
  said.textContent = answer;
  whole.append(asked, said);
  item.append(whole);
  return item;
}
