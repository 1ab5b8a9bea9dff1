/**
 * Light or dark: as the system says, unless somebody chose here.
 */

import { fill, h, icon } from "./elements.js";

const KEPT = "session_graph.theme";
const DARK = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => (localStorage.getItem(KEPT) ?? (DARK.matches ? "dark" : "light")) === "dark";

export function applyTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
}

export function drawThemeButton() {
  const button = h("button", { type: "button", class: "bare", onclick: toggle });
  const show = () => {
    const label = isDark() ? "Light theme" : "Dark theme";
    fill(button, icon(isDark() ? "sun" : "moon"));
    button.setAttribute("aria-label", label);
    button.title = label;
  };

  function toggle() {
    const next = isDark() ? "light" : "dark";
    if (next === (DARK.matches ? "dark" : "light")) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, next);
    applyTheme();
    show();
  }

  DARK.addEventListener("change", () => {
    applyTheme();
    show();
  });
  show();
  return button;
}
