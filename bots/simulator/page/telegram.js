// Draws one Telegram message as the app would: bold and italic from its entities, rows of buttons
// under it, the pop-up that answered a press. Knows the Message object, nothing about tasks.
// Text is always set as text, never HTML. `tools.media(fileId)`, where the page has it, gives an
// address for a picture's bytes.
"use strict";

window.drawers = window.drawers || {};

(() => {
  const TAGS = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre", text_link: "a" };

  // Entities count in UTF-16 units, as JavaScript's strings do. Ours never overlap half.
  function marked(text, entities, tools) {
    const nodes = [];
    let at = 0;
    for (const entity of [...(entities || [])].sort((a, b) => a.offset - b.offset)) {
      const tag = TAGS[entity.type];
      if (!tag || entity.offset < at) continue;
      const end = entity.offset + entity.length;
      const link = tag === "a" ? { href: tools.safe(entity.url || ""), target: "_blank", rel: "noopener" } : {};
      nodes.push(...lines(text.slice(at, entity.offset), tools), tools.el(tag, link, ...lines(text.slice(entity.offset, end), tools)));
      at = end;
    }
    return [...nodes, ...lines(text.slice(at), tools)];
  }

  function lines(text, tools) {
    return text.split("\n").flatMap((line, place) => (place ? [tools.el("br"), line] : [line]));
  }

  function pictureOf(content, tools) {
    const sizes = content.photo || [];
    if (!sizes.length) return content.document ? tools.el("p", { class: "small" }, "文件：" + (content.document.file_name || "")) : "";
    const largest = sizes[sizes.length - 1].file_id;
    return tools.media
      ? tools.el("dd", {}, tools.el("img", { src: tools.media(largest), alt: "照片", loading: "lazy" }))
      : tools.el("p", { class: "small" }, "［照片］");
  }

  function keyboardOf(person, message, tools) {
    const rows = (message.content.reply_markup || {}).inline_keyboard || [];
    const pressable = [];
    async function press(button) {
      for (const each of pressable) each.disabled = true;
      try {
        await tools.press(person.user_id, message.msg_id, button.callback_data);
      } finally {
        for (const each of pressable) each.disabled = false;
      }
    }
    const styles = { primary: "s1", success: "s1", danger: "s4" };
    return rows.map((row) => tools.el("div", { class: "buttons" }, ...row.map((button) => {
      const style = styles[button.style] || "s2";
      const url = button.url || (button.web_app || {}).url;
      if (url) {
        const href = tools.open ? tools.open(url) : tools.safe(url);
        return tools.el("a", { class: "link " + style, href, target: "_blank", rel: "noopener" }, button.text + " ↗");
      }
      const node = tools.el("button", { class: style, type: "button", on: { click: () => press(button) } }, button.text);
      pressable.push(node);
      return node;
    })));
  }

  window.drawers.telegram = (person, message, tools) => {
    const content = message.content;
    if (message.gone) return tools.el("div", { class: "gone" }, "消息已删除");
    const words = content.text || content.caption || "";
    const text = marked(words, content.entities || content.caption_entities, tools);
    if (message.mine) return tools.el("div", { class: "words mine" }, pictureOf(content, tools), ...text);
    return tools.el("article", { class: "card" },
      pictureOf(content, tools),
      words ? tools.el("div", {}, ...text) : "",
      message.edited ? tools.el("p", { class: "small" }, "已编辑") : "",
      ...keyboardOf(person, message, tools),
      message.toast ? tools.el("p", { class: message.alert ? "toast" : "small", role: "status" }, message.toast) : "");
  };
})();
