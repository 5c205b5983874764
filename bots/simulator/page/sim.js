// The page of chat panes: shows what WeCom would show, presses what a thumb would press.
// Knows the wire format of the cards, nothing about tasks. Text is always set as text, never HTML.
"use strict";

const api = new URL("api/", location.href.replace(/\/?$/, "/"));
const panes = document.getElementById("panes");
const state = document.getElementById("state");
const chosen = new Map();   // what was picked in a selector, kept while the card is drawn again
const drawn = new Map();    // user id -> JSON last drawn
let rev = "";

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else if (value !== "" && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}

async function post(path, body) {
  const answer = await fetch(new URL(path, api), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const words = await answer.json();
  return answer.ok ? "" : words.error || words.words || "没有成功，请再试一次。";
}

function selectors(card) {
  return [...(card.select_list || []), ...(card.button_selection ? [card.button_selection] : [])];
}

function selector(message, question) {
  const key = message.msg_id + "|" + question.question_key;
  const now = chosen.get(key) || question.selected_id || question.option_list[0].id;
  const options = question.option_list.map((option) =>
    el("option", { value: option.id, selected: option.id === now }, option.text));
  const select = el("select", { on: { change: (event) => chosen.set(key, event.target.value) } }, ...options);
  return el("label", {}, question.title || "请选择", select);
}

async function press(userId, message, key, box) {
  const selected = {};
  for (const question of selectors(message.content)) {
    const value = chosen.get(message.msg_id + "|" + question.question_key);
    if (value) selected[question.question_key] = [value];
  }
  for (const button of box.querySelectorAll("button")) button.disabled = true;
  let problem;
  try {
    problem = await post("press", { user_id: userId, msg_id: message.msg_id, key, selected });
  } catch {
    problem = "连不上模拟器，这一下没有按出去。";
  }
  for (const button of box.querySelectorAll("button")) button.disabled = false;
  if (problem) box.after(el("p", { class: "toast", role: "alert" }, problem));
  await refresh();
}

function buttons(userId, message) {
  const card = message.content;
  if (message.grey) return el("div", { class: "grey" }, message.grey);
  const list = [...(card.button_list || []), ...(card.submit_button ? [{ ...card.submit_button, style: 1 }] : [])];
  if (card.card_action && card.card_action.url) {
    list.push({ type: 1, text: "查看详情", style: 2, url: card.card_action.url });
  }
  if (!list.length) return "";
  const box = el("div", { class: "buttons" });
  for (const button of list) {
    const style = "s" + (button.style || 1);
    box.append(button.type === 1
      ? el("a", { class: "link " + style, href: opening(userId, button.url), target: "_blank", rel: "noopener" }, button.text)
      : el("button", { class: style, type: "button", on: { click: () => press(userId, message, button.key, box) } }, button.text));
  }
  return box;
}

function safe(url) {
  return /^https?:\/\//.test(url) ? url : "about:blank";
}

// A link is opened in the browser of this person's phone: the vendor knows who that is.
function opening(userId, url) {
  const here = new URL("open", api);
  here.searchParams.set("user_id", userId);
  here.searchParams.set("url", safe(url));
  return here.href;
}

function fact(row) {
  if (row.type === 2) {
    const source = new URL("media/" + encodeURIComponent(row.media_id), api).href;
    return el("dd", {}, el("img", { src: source, alt: row.value, loading: "lazy" }));
  }
  return el("dd", {}, row.value || "");
}

function cardOf(userId, message) {
  const card = message.content;
  const source = card.source || {};
  const rows = (card.horizontal_content_list || []).flatMap((row) => [el("dt", {}, row.keyname), fact(row)]);
  const title = card.main_title || {};
  const asked = message.grey ? [] : selectors(card).map((question) => selector(message, question));
  return el("article", { class: "card" },
    source.desc ? el("div", { class: "source" + (source.desc_color === 2 ? " urgent" : "") }, source.desc) : "",
    title.title ? el("h3", {}, title.title) : "",
    title.desc ? el("p", { class: "desc" }, title.desc) : "",
    rows.length ? el("dl", {}, ...rows) : "",
    card.sub_title_text ? el("p", { class: "small" }, card.sub_title_text) : "",
    ...asked,
    buttons(userId, message));
}

function wordsOf(userId, message) {
  // Texts may carry <a href="…">…</a>, the only mark-up WeCom knows in them.
  const node = el("p", { class: "words" + (message.mine ? " mine" : "") });
  const parts = message.content.content.split(/<a href="([^"]*)">([^<]*)<\/a>/);
  for (let i = 0; i < parts.length; i += 3) {
    node.append(parts[i]);
    if (i + 2 < parts.length) node.append(el("a", { href: opening(userId, parts[i + 1]), target: "_blank", rel: "noopener" }, parts[i + 2]));
  }
  return node;
}

function messageOf(userId, message) {
  if (message.recalled) return el("div", { class: "gone" }, "应用撤回了一条消息");
  if (message.kind === "image") return el("p", { class: "words mine" }, "［照片］");
  return message.kind === "template_card" ? cardOf(userId, message) : wordsOf(userId, message);
}

function paneOf(person) {
  const input = el("input", { "aria-label": "发给应用的话", placeholder: "发消息", maxlength: "500", autocomplete: "off" });
  const send = async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    try { await post("say", { user_id: person.user_id, text }); } catch { input.value = text; }
    await refresh();
  };
  return el("section", { class: "pane", id: "pane-" + person.user_id, "aria-label": person.name },
    el("h2", {}, person.name, el("small", {}, person.title)),
    el("div", { class: "log", tabindex: "0" }),
    el("form", { on: { submit: send } }, input, el("button", { type: "submit" }, "发送")));
}

function drawPane(person, messages) {
  let pane = document.getElementById("pane-" + person.user_id);
  if (!pane) {
    pane = paneOf(person);
    panes.append(pane);
  }
  const picture = JSON.stringify(messages);
  if (drawn.get(person.user_id) === picture) return;
  drawn.set(person.user_id, picture);
  const log = pane.querySelector(".log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const children = [];
  let last = "";
  for (const message of messages) {
    if (message.at !== last) children.push(el("time", { class: "at" }, message.at));
    last = message.at;
    children.push(messageOf(person.user_id, message));
  }
  if (!children.length) {
    children.push(el("p", { class: "empty" }, `还没有消息。有任务轮到${person.name}时，卡片会出现在这里。`));
  }
  log.replaceChildren(...children);
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function draw(news) {
  rev = String(news.rev);
  document.getElementById("now").textContent = news.now;
  if (!news.people.length) {
    panes.replaceChildren(el("p", { class: "empty" }, "还没有人。绑定了企业微信账号的员工会各占一栏；先运行 jieli demo 看一个例子。"));
    return;
  }
  panes.querySelector(":scope > .empty")?.remove();
  for (const person of news.people) drawPane(person, news.panes[person.user_id] || []);
}

async function refresh() {
  try {
    const answer = await fetch(new URL("messages?rev=" + rev, api));
    if (answer.status === 200) draw(await answer.json());
    else if (answer.status !== 204) throw new Error(String(answer.status));
    state.textContent = "已连接";
    state.className = "";
  } catch {
    state.textContent = "连不上模拟器，正在重试";
    state.className = "bad";
  }
}

async function watch() {
  await refresh();
  setTimeout(watch, document.hidden ? 5000 : 1000);
}

watch();
