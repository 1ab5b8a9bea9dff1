/**
 * Charts in SVG: a series of days as columns or as a line. A point is read by the pointer, by arrow keys, or in a table.
 */

import { fill, h, svg } from "./elements.js";
import { compact } from "./formats.js";

const HEIGHT = 132;
const PLOT = { left: 40, right: 8, top: 10, bottom: 20 };
const MOST_LABELS = 7;

/** @typedef {{ key: string, label: string, value: number, words: string }} Point `value` decides its height alone */

/**
 * @typedef {object} Series
 * @property {string} title
 * @property {Point[]} points
 * @property {"columns" | "line"} kind
 * @property {string} summary what it shows in one sentence
 * @property {(key: string) => void} [onChoose]
 */

/** Draws a figure that follows the width of its place. @param {Series} series */
export function drawSeries(series) {
  const plot = h("div", {
    class: "plot",
    tabindex: "0",
    role: "img",
    "aria-label": `${series.title}. ${series.summary} Arrow keys read the points.`,
  });
  const tip = h("div", { class: "tip", role: "status", hidden: true });
  const chart = new Plot(series, plot, tip);
  new ResizeObserver(() => chart.draw()).observe(plot);
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, series.title),
    h("div", { class: "frame" }, plot, tip),
    drawTable(series),
  );
}

/** @param {Series} series */
function drawTable({ title, points }) {
  /** @param {Point} point */
  const row = ({ label, words }) => h("tr", {}, h("th", { scope: "row" }, label), h("td", {}, words));
  return h(
    "details",
    { class: "astable" },
    h("summary", {}, "As a table"),
    h("div", {}, h("table", { "aria-label": title }, h("tbody", {}, points.map(row)))),
  );
}

class Plot {
  #series;
  #element;
  #tip;
  #chosen = -1;
  #width = 0;

  /** @param {Series} series @param {HTMLElement} element @param {HTMLElement} tip */
  constructor(series, element, tip) {
    this.#series = series;
    this.#element = element;
    this.#tip = tip;
    element.addEventListener("pointermove", (event) => this.#point(this.#indexAt(event)));
    element.addEventListener("pointerleave", () => this.#point(-1));
    element.addEventListener("blur", () => this.#point(-1));
    element.addEventListener("click", (event) => this.#choose(this.#indexAt(event)));
    element.addEventListener("keydown", (event) => this.#press(event));
  }

  get #inner() {
    return this.#width - PLOT.left - PLOT.right;
  }

  /** @param {number} index */
  #x(index) {
    return PLOT.left + (this.#inner * (index + 0.5)) / this.#series.points.length;
  }

  draw() {
    this.#width = this.#element.clientWidth;
    if (!this.#width) return;
    const { points, kind } = this.#series;
    const top = ceiling(Math.max(0, ...points.map((point) => point.value)));
    /** @param {number} value */
    const y = (value) => HEIGHT - PLOT.bottom - ((HEIGHT - PLOT.top - PLOT.bottom) * value) / top;
    const lines = [0, top / 2, top].map((value) => [
      svg("line", { class: "grid", x1: PLOT.left, x2: this.#width - PLOT.right, y1: y(value), y2: y(value) }),
      svg("text", { class: "tick", x: PLOT.left - 6, y: y(value) + 3.5, "text-anchor": "end" }, compact(value)),
    ]);
    this.guide = svg("line", { class: "guide", y1: PLOT.top, y2: HEIGHT - PLOT.bottom, visibility: "hidden" });
    fill(
      this.#element,
      svg(
        "svg",
        { width: this.#width, height: HEIGHT, viewBox: `0 0 ${this.#width} ${HEIGHT}`, "aria-hidden": "true" },
        lines,
        this.#drawLabels(),
        this.guide,
        kind === "columns" ? this.#drawColumns(points, y) : this.#drawLine(points, y),
      ),
    );
    this.tops = points.map((point) => y(point.value));
  }

  /** @param {Point[]} points @param {(value: number) => number} y */
  #drawColumns(points, y) {
    const width = Math.max(1, Math.min(28, (this.#inner / points.length) * 0.72));
    return points.map(({ value }, index) => {
      const height = HEIGHT - PLOT.bottom - y(value);
      return svg("rect", {
        class: "mark",
        x: this.#x(index) - width / 2,
        y: y(value),
        width,
        height: Math.max(height, value ? 1 : 0),
        rx: Math.min(2, width / 3),
      });
    });
  }

  /** @param {Point[]} points @param {(value: number) => number} y */
  #drawLine(points, y) {
    const places = points.map(({ value }, index) => `${this.#x(index).toFixed(1)},${y(value).toFixed(1)}`);
    const base = y(0);
    return [
      svg("path", {
        class: "area",
        d: `M${this.#x(0)},${base}L${places.join("L")}L${this.#x(points.length - 1)},${base}Z`,
      }),
      svg("path", { class: "stroke", d: `M${places.join("L")}` }),
      points.length <= 45 &&
        points.map(({ value }, index) => svg("circle", { class: "dot", cx: this.#x(index), cy: y(value), r: 2.2 })),
    ];
  }

  #drawLabels() {
    const { points } = this.#series;
    const room = Math.max(2, Math.min(MOST_LABELS, Math.floor(this.#inner / 76)));
    const step = Math.max(1, Math.ceil(points.length / room));
    return points.map(
      ({ label }, index) =>
        index % step === 0 &&
        svg(
          "text",
          { class: "tick", x: Math.max(this.#x(index), PLOT.left + 22), y: HEIGHT - 5, "text-anchor": "middle" },
          label.replace(/^\D+?, /, ""),
        ),
    );
  }

  /** @param {MouseEvent} event */
  #indexAt(event) {
    const x = event.clientX - this.#element.getBoundingClientRect().left - PLOT.left;
    return Math.max(
      0,
      Math.min(this.#series.points.length - 1, Math.floor((x / this.#inner) * this.#series.points.length)),
    );
  }

  /** @param {number} index */
  #point(index) {
    this.#chosen = index;
    const point = this.#series.points[index];
    this.#tip.hidden = !point;
    this.guide?.setAttribute("visibility", point ? "visible" : "hidden");
    for (const [place, mark] of this.#element.querySelectorAll(".mark, .dot").entries())
      mark.classList.toggle("chosen", place === index);
    if (!point) return;
    const x = this.#x(index);
    for (const end of ["x1", "x2"]) this.guide?.setAttribute(end, String(x));
    fill(this.#tip, h("b", {}, point.words), h("span", {}, point.label));
    this.#tip.classList.toggle("leftward", x > this.#width / 2);
    this.#tip.style.setProperty("left", `${x}px`);
    this.#tip.style.setProperty("top", `${Math.min(this.tops?.[index] ?? 0, HEIGHT - 70)}px`);
  }

  /** @param {number} index */
  #choose(index) {
    const point = this.#series.points[index];
    if (point) this.#series.onChoose?.(point.key);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const last = this.#series.points.length - 1;
    /** @type {Record<string, number>} */
    const steps = {
      ArrowRight: Math.min(last, this.#chosen + 1),
      ArrowLeft: Math.max(0, this.#chosen - 1),
      Home: 0,
      End: last,
    };
    const next = steps[event.key];
    if (event.key === "Enter") this.#choose(this.#chosen);
    else if (next === undefined) return;
    else this.#point(next);
    event.preventDefault();
    event.stopPropagation();
  }
}

/** The next round number: 1, 2, 4, 6, 8 or 10 times a power of ten, at least 2. @param {number} value */
function ceiling(value) {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 4, 6, 8].find((step) => step * power >= value) ?? 10);
}
