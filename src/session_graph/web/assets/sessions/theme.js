/**
 * Light or dark: the system's theme, unless somebody chose the other one here.
 */

import { fill, h, icon } from "./elements.js";

const STORAGE_KEY = "session_graph.theme";
const DARK = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => (localStorage.getItem(STORAGE_KEY) ?? (DARK.matches ? "dark" : "light")) === "dark";

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
    if (next === (DARK.matches ? "dark" : "light")) localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, next);
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
