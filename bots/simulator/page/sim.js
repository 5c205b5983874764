// The page of chat panes: each is one person's phone in one chat app. Drawers (wecom.js …) show a
// message as that app would; here are the panes, the hands, the clock, the switches and the wire.
"use strict";

const api = new URL("api/", location.href.replace(/[?#].*$/, "").replace(/\/?$/, "/"));
const panes = document.getElementById("panes");
const state = document.getElementById("state");
const who = document.getElementById("who");
const wireBox = document.getElementById("wire");
const drawn = new Map();    // vendor|user -> JSON last drawn
let rev = "", news = null, lastCall = 0;

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else if (value !== "" && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}

function safe(url) {
  return /^https?:\/\//.test(url) ? url : "about:blank";
}

async function post(path, body) {
  const form = body instanceof FormData;
  const answer = await fetch(new URL(path, api), {
    method: "POST",
    headers: form ? {} : { "Content-Type": "application/json" },
    body: form ? body : JSON.stringify(body),
  });
  const words = await answer.json();
  return answer.ok ? "" : words.error || words.words || "没有成功，请再试一次。";
}

async function done(promise, pane) {
  let problem;
  try { problem = await promise; } catch { problem = "连不上模拟器，这一下没有出去。"; }
  const toast = pane.querySelector(".toast");
  toast.textContent = problem;
  toast.hidden = !problem;
  await refresh();
}

function toolsOf(vendor, person, pane) {
  return {
    el,
    safe,
    media: (id) => new URL("media/" + vendor.name + "/" + encodeURIComponent(id), api).href,
    // A link is opened in the browser of this person's phone: the vendor knows who that is.
    open: (url) => {
      const here = new URL("open", api);
      here.searchParams.set("vendor", vendor.name);
      here.searchParams.set("user_id", person.user_id);
      here.searchParams.set("url", safe(url));
      return here.href;
    },
    press: async (userId, msgId, key, selected = {}) => {
      for (const button of pane.querySelectorAll(".log button")) button.disabled = true;
      await done(post("press", { vendor: vendor.name, user_id: userId, msg_id: msgId, key, selected }), pane);
      for (const button of pane.querySelectorAll(".log button")) button.disabled = false;
    },
  };
}

function paneOf(vendor, person) {
  const name = vendor.name + "-" + person.user_id;
  const input = el("input", { "aria-label": "发给接力的话", placeholder: "发消息，如：待办", maxlength: "500", autocomplete: "off" });
  const file = el("input", { type: "file", accept: "image/*", "aria-label": "发照片" });
  const pane = el("section", { class: "pane " + vendor.name, id: "pane-" + name, "aria-label": person.name + " " + vendor.label });
  const send = async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    await done(post("say", { vendor: vendor.name, user_id: person.user_id, text }), pane);
  };
  const photo = async () => {
    if (!file.files.length) return;
    const body = new FormData();
    body.set("vendor", vendor.name);
    body.set("user_id", person.user_id);
    body.set("file", file.files[0]);
    file.value = "";
    await done(post("photo", body), pane);
  };
  file.addEventListener("change", photo);
  pane.append(
    el("h2", {}, el("span", { class: "badge" }, vendor.label), person.name, el("small", {}, person.title)),
    el("div", { class: "log", tabindex: "0" }),
    el("p", { class: "toast", role: "alert", hidden: true }),
    el("form", { on: { submit: send } }, el("label", { class: "photo" }, "照片", file), input, el("button", { type: "submit" }, "发送")));
  return pane;
}

function drawPane(vendor, person, messages) {
  const name = vendor.name + "-" + person.user_id;
  let pane = document.getElementById("pane-" + name);
  if (!pane) {
    pane = paneOf(vendor, person);
    panes.append(pane);
  }
  pane.hidden = who.value !== "" && who.value !== person.name;
  const picture = JSON.stringify(messages);
  if (drawn.get(name) === picture) return;
  drawn.set(name, picture);
  const log = pane.querySelector(".log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const tools = toolsOf(vendor, person, pane);
  const children = [];
  let last = "";
  for (const message of messages) {
    if (message.at !== last) children.push(el("time", { class: "at" }, message.at));
    last = message.at;
    const node = window.drawers[vendor.name](person, message, tools);
    const raw = el("details", { class: "raw" }, el("summary", {}, "报文"), el("pre", {}, JSON.stringify(message.content, null, 1)));
    children.push(el("div", { class: "message" + (message.mine ? " mine" : "") }, node, message.mine ? "" : raw));
  }
  if (!children.length) {
    children.push(el("p", { class: "empty" }, `还没有消息。有任务轮到${person.name}时，卡片会出现在这里。`));
  }
  log.replaceChildren(...children);
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function drawNames() {
  const names = [...new Set(news.vendors.flatMap((vendor) => vendor.people.map((each) => each.name)))];
  if (who.options.length === names.length + 1) return;
  const kept = who.value || new URLSearchParams(location.search).get("who") || "";
  who.replaceChildren(new Option("所有人", ""), ...names.map((name) => new Option(name)));
  who.value = names.includes(kept) ? kept : "";
}

function drawSwitches() {
  const box = document.getElementById("switches");
  if (box.childElementCount) return;
  for (const vendor of news.vendors) {
    box.append(el("fieldset", {}, el("legend", {}, vendor.label), ...vendor.switches.map((each) => {
      const press = async (event) => {
        const on = !event.target.classList.contains("on");
        await post("switch", { vendor: vendor.name, switch: each.name, on });
        if (each.lasts) event.target.classList.toggle("on", on);
      };
      return el("button", { type: "button", on: { click: press } }, each.label);
    })));
  }
}

function draw() {
  document.getElementById("now").textContent = news.now;
  document.getElementById("jumps").hidden = !news.can_jump;
  drawNames();
  drawSwitches();
  const people = new Map();   // a person's panes stand side by side
  for (const vendor of news.vendors) {
    for (const person of vendor.people) {
      if (!people.has(person.name)) people.set(person.name, []);
      people.get(person.name).push([vendor, person]);
    }
  }
  if (!people.size) {
    panes.replaceChildren(el("p", { class: "empty" }, "还没有人。绑定了聊天账号的员工会各占一栏；先运行 jieli demo 看一个例子。"));
    return;
  }
  panes.querySelector(":scope > .empty")?.remove();
  for (const mine of people.values()) {
    for (const [vendor, person] of mine) drawPane(vendor, person, vendor.panes[person.user_id] || []);
  }
}

async function refresh() {
  try {
    const answer = await fetch(new URL("messages?rev=" + rev, api));
    if (answer.status === 200) {
      news = await answer.json();
      rev = news.rev;
      draw();
    } else if (answer.status !== 204) throw new Error(String(answer.status));
    state.textContent = "已连接";
    state.className = "";
  } catch {
    state.textContent = "连不上模拟器，正在重试";
    state.className = "bad";
  }
}

async function listenIn() {
  if (!document.getElementById("tools").open) return;
  const answer = await fetch(new URL("calls?after=" + lastCall, api));
  for (const call of (await answer.json()).items) {
    lastCall = call.n;
    const way = call.way === "in" ? "接力 → 平台" : "平台 → 接力";
    wireBox.prepend(el("details", {},
      el("summary", {}, `${call.at} ${way} ${call.line} `, el("b", {}, String(call.status || "断开"))),
      el("pre", {}, call.asked || "（无内容）"), el("pre", {}, call.answered || "（无内容）")));
  }
  while (wireBox.childElementCount > 200) wireBox.lastElementChild.remove();
}

async function watch() {
  await refresh();
  try { await listenIn(); } catch { /* said by refresh */ }
  setTimeout(watch, document.hidden ? 5000 : 1000);
}

who.addEventListener("change", () => { drawn.clear(); if (news) draw(); });
for (const button of document.querySelectorAll("#jumps button")) {
  button.addEventListener("click", async () => {
    await post("clock", { hours: Number(button.dataset.hours) });
    await refresh();
  });
}
watch();
