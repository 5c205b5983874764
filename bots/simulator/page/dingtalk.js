// Draws a message as DingTalk's app would: cards from the blocks that their template gives.
// Knows no task and no variable. Words are always set as text, never as HTML.
"use strict";

window.drawers = window.drawers || {};

window.drawers.dingtalk = (() => {
  // The little Markdown that cards and robots use: **bold**, a heading, a list, nothing else.
  function line(tools, words) {
    const heading = /^#{1,6}\s+/.test(words);
    const node = tools.el(heading ? "h3" : "p", { class: "desc" });
    const plain = words.replace(/^#{1,6}\s+/, "").replace(/^[-*]\s+/, "· ");
    plain.split("**").forEach((part, place) => {
      node.append(place % 2 ? tools.el("strong", {}, part) : part);
    });
    return node;
  }

  function markdown(tools, text) {
    const lines = text.split("\n").map((each) => each.trim()).filter(Boolean);
    return tools.el("div", {}, ...lines.map((each) => line(tools, each)));
  }

  function picture(tools, media) {
    const source = tools.media ? tools.media(media) : "";
    return source
      ? tools.el("img", { src: source, alt: "照片", loading: "lazy" })
      : tools.el("p", { class: "small" }, "［照片］");
  }

  // The page's own styles: s1 accent, s2 plain, s4 stop.
  const STYLES = { blue: "s1", gray: "s2", red: "s4" };

  function button(tools, person, message, block) {
    const style = STYLES[block.color] || "s2";
    if (block.action === "url") {
      const link = { class: "link " + style, href: tools.open ? tools.open(block.url) : tools.safe(block.url), target: "_blank", rel: "noopener" };
      return tools.el("a", link, block.text);
    }
    const click = () => tools.press(person.user_id, message.msg_id, block.text);
    return tools.el("button", { class: style, type: "button", on: { click } }, block.text);
  }

  function block(tools, each) {
    if (each.type === "markdown") return markdown(tools, each.text);
    if (each.type === "image") return picture(tools, each.media);
    if (each.bold) return tools.el("h3", {}, each.text);
    return tools.el("p", { class: each.size <= 12 ? "small" : "desc" }, each.text);
  }

  function card(tools, person, message) {
    const shown = message.blocks.filter((each) => each.type !== "button");
    const buttons = message.blocks.filter((each) => each.type === "button");
    const node = tools.el("article", { class: "card" + (message.closed ? " closed" : "") },
      ...shown.map((each) => block(tools, each)));
    if (buttons.length) {
      node.append(tools.el("div", { class: "buttons" },
        ...buttons.map((each) => button(tools, person, message, each))));
    }
    return node;
  }

  function robot(tools, content) {
    const node = tools.el("article", { class: "card" }, markdown(tools, content.text || ""));
    if (content.singleURL) {
      const link = { class: "link s2", href: tools.safe(content.singleURL), target: "_blank", rel: "noopener" };
      node.append(tools.el("div", { class: "buttons" }, tools.el("a", link, content.singleTitle)));
    }
    return node;
  }

  function words(tools, message) {
    const node = tools.el("p", { class: "words" + (message.mine ? " mine" : "") });
    if (message.kind === "ding") node.append(tools.el("strong", {}, "DING "));
    const media = message.content.media || message.content.photoURL;
    if (media) node.append(picture(tools, media));
    node.append(message.content.content || "");
    return node;
  }

  return (person, message, tools) => {
    if (message.gone) return tools.el("div", { class: "gone" }, "机器人撤回了一条消息");
    if (message.kind === "card") return card(tools, person, message);
    if (message.content.text) return robot(tools, message.content);
    return words(tools, message);
  };
})();
