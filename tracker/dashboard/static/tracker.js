// Keeps a page up to date by asking for its live part, and writes times as the reader's clock and language have them.
"use strict";

(() => {
  const EVERY = 2000, WHILE_HIDDEN = 30000, AFTER_A_FAILURE = 5000;
  const spoken = document.documentElement.lang;
  const language = navigator.languages.find((one) => one.split("-")[0] === spoken) || spoken;
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  const ahead = new Intl.RelativeTimeFormat(language, { style: "narrow" });
  const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
  const ofToday = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
  const ofAnHour = new Intl.DateTimeFormat(language, { weekday: "short", hour: "2-digit", minute: "2-digit" });
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  const ago = (seconds) => {
    const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) || UNITS.at(-1);
    return relative.format(-Math.trunc(seconds / size), unit);
  };

  const due = (seconds) => {
    const [unit, size] = UNITS.find(([, size]) => seconds >= size) || UNITS.at(-1);
    return ahead.format(Math.trunc(seconds / size), unit);
  };

  const write = (element) => {
    const at = new Date(element.dateTime), seconds = (Date.now() - at) / 1000, kind = element.dataset.time;
    const text = kind === "full" ? full.format(at)
      : kind === "hour" ? ofAnHour.format(at)
      : kind === "moment" ? (at.toDateString() === new Date().toDateString() ? ofToday : full).format(at)
      : kind === "ago" ? ago(Math.max(seconds, 0))
      : seconds >= 0 ? element.dataset.due : due(-seconds);
    if (element.textContent !== text) element.textContent = text;
    if (kind !== "full" && !element.title) element.title = full.format(at);
  };

  const writeAll = (root) => root.querySelectorAll("time[data-time]").forEach(write);
  const writeMoving = () => document.querySelectorAll("time[data-time=ago], time[data-time=until]").forEach(write);
  writeAll(document);
  setInterval(writeMoving, 1000);

  // Whose morning it is; and a time that is written as clocks here show it.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.querySelectorAll("input[data-local]").forEach((one) => { if (!one.value) one.type = "datetime-local"; });
  addEventListener("submit", ({ target }) => { if (target.elements.zone) target.elements.zone.value = zone; });

  if (document.getElementById("notice")) {
    const here = new URL(location.href);
    here.searchParams.delete("done");
    history.replaceState(null, "", here);
  }

  const live = document.getElementById("live"), state = document.getElementById("live-state");
  if (!live || !state) return;
  const word = document.getElementById("live-word"), news = document.getElementById("live-news");
  const button = document.getElementById("live-switch");
  const title = document.title;
  let waiting = 0, tag = live.dataset.tag, pressed = false, paused = sessionStorage.getItem("paused") === "yes";

  const show = (how) => {
    if (state.className === `live ${how}`) return;
    state.className = `live ${how}`;
    word.textContent = state.dataset[how];
  };

  const headline = () => document.getElementById("announce")?.textContent;

  // A tab in the background says how many things need somebody.
  const showCount = () => {
    const count = Number(document.getElementById("announce")?.dataset.count || 0);
    document.title = count ? `(${count}) ${title}` : title;
  };

  // What is open stays open, what has the focus keeps it, and what is new can be seen to be new.
  const replace = (html) => {
    const open = [...live.querySelectorAll("details[open]")].map((one) => one.id);
    const focused = live.contains(document.activeElement) ? document.activeElement : null;
    const known = new Set([...live.querySelectorAll("[data-key]")].map((one) => one.dataset.key));
    const ticked = new Set([...live.querySelectorAll(".tick :checked")].map((one) => one.value));
    const said = headline();
    live.innerHTML = html;
    live.querySelectorAll(".tick input").forEach((one) => { one.checked = ticked.has(one.value); });
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    live.querySelectorAll("[data-key]").forEach((one) => known.has(one.dataset.key) || one.classList.add("fresh"));
    if (focused) {
      const same = focused.id ? document.getElementById(focused.id)
        : focused.href && live.querySelector(`a[href="${CSS.escape(focused.getAttribute("href"))}"]`);
      same?.focus({ preventScroll: true });
    }
    writeAll(live);
    showCount();
    if (headline() !== said) news.textContent = state.dataset.updated.replace("{}", headline());
  };

  const busy = () => pressed || paused
    || (live.contains(getSelection().anchorNode) && !getSelection().isCollapsed);

  const look = async () => {
    const answer = await fetch(location.href, {
      headers: { "X-Live": "1", "If-None-Match": tag }, cache: "no-store", signal: AbortSignal.timeout(10000),
    });
    if (answer.status === 401) return location.reload();
    if (answer.status === 304) return;
    if (!answer.ok) throw new Error(answer.status);
    const html = await answer.text();
    if (busy()) return;
    tag = answer.headers.get("ETag");
    replace(html);
  };

  const goOn = async () => {
    waiting = 0;
    let pause = document.hidden ? WHILE_HIDDEN : EVERY;
    if (!busy()) {
      try {
        await look();
        show(paused ? "off" : "on");
      } catch {
        show("lost");
        pause = AFTER_A_FAILURE;
      }
    }
    waiting = setTimeout(goOn, pause);
  };

  const showSwitch = () => {
    show(paused ? "off" : "on");
    button.classList.toggle("off", paused);
    button.querySelector(".hidden").textContent = button.title = button.dataset[paused ? "resume" : "pause"];
  };

  button.hidden = state.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    sessionStorage.setItem("paused", paused ? "yes" : "no");
    showSwitch();
  });
  addEventListener("pointerdown", () => { pressed = true; });
  ["pointerup", "pointercancel"].forEach((name) => addEventListener(name, () => setTimeout(() => { pressed = false; })));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !waiting) return;
    clearTimeout(waiting);
    waiting = 0;
    goOn();
  });
  showSwitch();
  showCount();
  waiting = setTimeout(goOn, EVERY);
})();
