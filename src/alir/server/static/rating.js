// What an answer is worth, in the words of whoever asked.

import { call } from "./service.js";

const form = document.getElementById("rating");
const thumbs = form.querySelectorAll("button[data-rating]");
const remark = document.getElementById("remark");
const comment = document.getElementById("comment");
const thanks = document.getElementById("thanks");
let answer = null;
let given = null;

for (const thumb of thumbs) {
  thumb.addEventListener("click", () => rate(thumb.dataset.rating));
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  rate(given);
});

export function begin() {
  form.hidden = true;
}

export function show(id) {
  [answer, given] = [id, null];
  comment.value = thanks.textContent = "";
  press();
  form.hidden = false;
}

async function rate(rating) {
  const [id, words] = [answer, comment.value];
  try {
    const body = JSON.stringify({ rating, comment: words });
    const headers = { "Content-Type": "application/json" };
    await call(`/v1/answers/${id}/feedback`, { method: "POST", headers, body });
    if (id !== answer) return;
    given = rating;
    thanks.textContent = words.trim() ? "Thank you, that is kept, too." : "Thank you.";
    press();
  } catch (error) {
    thanks.textContent = error.message;
  }
}

function press() {
  for (const thumb of thumbs) {
    thumb.setAttribute("aria-pressed", String(thumb.dataset.rating === given));
  }
  remark.hidden = given === null;
}
