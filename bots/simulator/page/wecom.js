// Draws a WeCom message as its app would: template cards, texts, pictures.
// Knows the wire format of the cards, nothing about tasks. Text is always set as text, never HTML.
"use strict";

window.drawers = window.drawers || {};

(() => {
  const chosen = new Map();   // what was picked in a selector, kept while the card is drawn again

  function selectors(card) {
    return [...(card.select_list || []), ...(card.button_selection ? [card.button_selection] : [])];
  }

  function selector(message, question, { el }) {
    const key = message.msg_id + "|" + question.question_key;
    const now = chosen.get(key) || question.selected_id || question.option_list[0].id;
    const options = question.option_list.map((option) =>
      el("option", { value: option.id, selected: option.id === now }, option.text));
    const select = el("select", { on: { change: (event) => chosen.set(key, event.target.value) } }, ...options);
    return el("label", {}, question.title || "请选择", select);
  }

  function picked(message) {
    const selected = {};
    for (const question of selectors(message.content)) {
      const value = chosen.get(message.msg_id + "|" + question.question_key);
      if (value) selected[question.question_key] = [value];
    }
    return selected;
  }

  function buttons(person, message, tools) {
    const { el } = tools;
    const card = message.content;
    if (message.grey) return el("div", { class: "grey" }, message.grey);
    const list = [...(card.button_list || []), ...(card.submit_button ? [{ ...card.submit_button, style: 1 }] : [])];
    if (card.card_action && card.card_action.url) {
      list.push({ type: 1, text: "查看详情", style: 2, url: card.card_action.url });
    }
    if (!list.length) return "";
    return el("div", { class: "buttons" }, ...list.map((button) => {
      const style = "s" + (button.style || 1);
      return button.type === 1
        ? el("a", { class: "link " + style, href: tools.open(button.url), target: "_blank", rel: "noopener" }, button.text)
        : el("button", { class: style, type: "button", on: { click: () => tools.press(person.user_id, message.msg_id, button.key, picked(message)) } }, button.text);
    }));
  }

  function fact(row, { el, media }) {
    if (row.type !== 2) return el("dd", {}, row.value || "");
    return el("dd", {}, el("img", { src: media(row.media_id), alt: row.value, loading: "lazy" }));
  }

  function cardOf(person, message, tools) {
    const { el } = tools;
    const card = message.content;
    const source = card.source || {};
    const rows = (card.horizontal_content_list || []).flatMap((row) => [el("dt", {}, row.keyname), fact(row, tools)]);
    const title = card.main_title || {};
    const asked = message.grey ? [] : selectors(card).map((question) => selector(message, question, tools));
    return el("article", { class: "card" },
      source.desc ? el("div", { class: "source" + (source.desc_color === 2 ? " urgent" : "") }, source.desc) : "",
      title.title ? el("h3", {}, title.title) : "",
      title.desc ? el("p", { class: "desc" }, title.desc) : "",
      rows.length ? el("dl", {}, ...rows) : "",
      card.sub_title_text ? el("p", { class: "small" }, card.sub_title_text) : "",
      ...asked,
      buttons(person, message, tools));
  }

  function noteOf(message, tools) {
    const { el } = tools;
    const card = message.content;
    return el("article", { class: "card" },
      el("h3", {}, card.title),
      ...card.description.split("\n").map((line) => el("p", { class: "desc" }, line)),
      el("div", { class: "buttons" },
        el("a", { class: "link s2", href: tools.open(card.url), target: "_blank", rel: "noopener" }, card.btntxt || "详情")));
  }

  function wordsOf(message, tools) {
    // Texts may carry <a href="…">…</a>, the only mark-up WeCom knows in them.
    const node = tools.el("p", { class: "words" + (message.mine ? " mine" : "") });
    const parts = message.content.content.split(/<a href="([^"]*)">([^<]*)<\/a>/);
    for (let i = 0; i < parts.length; i += 3) {
      node.append(parts[i]);
      if (i + 2 < parts.length) {
        node.append(tools.el("a", { href: tools.open(parts[i + 1]), target: "_blank", rel: "noopener" }, parts[i + 2]));
      }
    }
    return node;
  }

  window.drawers.wecom = (person, message, tools) => {
    if (message.gone) return tools.el("div", { class: "gone" }, "应用撤回了一条消息");
    if (message.kind === "template_card") return cardOf(person, message, tools);
    if (message.kind === "textcard") return noteOf(message, tools);
    if (message.kind !== "image") return wordsOf(message, tools);
    const picture = tools.el("img", { src: tools.media(message.content.media_id), alt: "照片", loading: "lazy" });
    return tools.el("p", { class: "words" + (message.mine ? " mine" : "") }, picture);
  };
})();
