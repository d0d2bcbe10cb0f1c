"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const canvas = document.querySelector("canvas"), tip = document.getElementById("tip");
const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
const WORDS = ["#0b62a8", "#c2500a", "#0a7d5c", "#a3286a", "#6c4ba6", "#8a6d00", "#59636e", "#d03a3a", "#2aa5b8", "#7a9a2b"];
const edge = { left: 72, right: 16, top: 10, bottom: 48 };
const front = new Set(data.front);
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function range(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) if (value !== null) { if (value < low) low = value; if (value > high) high = value; }
  if (low === high) { low -= Math.abs(low) * 0.05 || 1; high += Math.abs(high) * 0.05 || 1; }
  return [low, high];
}
const wide = ([low, high]) => [low - (high - low) * 0.03, high + (high - low) * 0.03];
const scaled = (value) => data.byRatio && value !== null ? Math.log10(value) : value;
const across = wide(range(data.x.map(scaled))), up = wide(range(data.y));
const hues = data.colour && !data.words ? range(data.colour) : null;

function ticks([low, high], count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw);
  const found = [];
  for (let one = Math.ceil(low / step) * step; one <= high + step * 1e-9; one += step) found.push(Math.abs(one) < step * 1e-9 ? 0 : one);
  return found;
}
function ratios([low, high]) {
  const found = [];
  for (let power = Math.floor(low); power <= high; power += 1)
    for (const one of [1, 2, 5]) if (Math.log10(one) + power >= low && Math.log10(one) + power <= high) found.push(one * 10 ** power);
  return found;
}
const said = (value) => value === null ? "-" : Number(value.toPrecision(6)).toLocaleString("en", { maximumSignificantDigits: 6 });

function mixed(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1), at = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const part = (hex, from) => parseInt(hex.slice(from, from + 2), 16);
  const one = [1, 3, 5].map((from) => Math.round(part(VIRIDIS[at], from) * (at + 1 - place) + part(VIRIDIS[at + 1], from) * (place - at)));
  return `rgb(${one.join(",")})`;
}
function colour(number) {
  if (!data.colour) return style("--point");
  const value = data.colour[number];
  if (data.words) return WORDS[value % WORDS.length];
  return value === null ? style("--soft") : mixed((value - hues[0]) / (hues[1] - hues[0]));
}

let places = [];
function draw() {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * scale; canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const x = (value) => edge.left + (scaled(value) - across[0]) / (across[1] - across[0]) * (width - edge.left - edge.right);
  const y = (value) => height - edge.bottom - (value - up[0]) / (up[1] - up[0]) * (height - edge.top - edge.bottom);
  pen.font = "12.5px system-ui, sans-serif"; pen.strokeStyle = style("--grid"); pen.fillStyle = style("--soft"); pen.lineWidth = 1;
  pen.textAlign = "center"; pen.textBaseline = "top";
  for (const one of data.byRatio ? ratios(across) : ticks(across, Math.max(2, width / 120))) {
    pen.beginPath(); pen.moveTo(x(one), edge.top); pen.lineTo(x(one), height - edge.bottom); pen.stroke();
    pen.fillText(said(one), x(one), height - edge.bottom + 6);
  }
  pen.textAlign = "right"; pen.textBaseline = "middle";
  for (const one of ticks(up, Math.max(2, height / 80))) {
    pen.beginPath(); pen.moveTo(edge.left, y(one)); pen.lineTo(width - edge.right, y(one)); pen.stroke();
    pen.fillText(said(one), edge.left - 7, y(one));
  }
  pen.fillStyle = style("--ink"); pen.textAlign = "center"; pen.textBaseline = "bottom";
  pen.fillText(data.axes[0], (edge.left + width - edge.right) / 2, height - 4);
  pen.save(); pen.translate(4, (edge.top + height - edge.bottom) / 2); pen.rotate(-Math.PI / 2); pen.textBaseline = "top";
  pen.fillText(data.axes[1], 0, 0); pen.restore();
  const size = data.x.length > 5000 ? 2 : 3.5;
  places = data.x.map((value, number) => [x(value), y(data.y[number])]);
  pen.globalAlpha = 0.8;
  places.forEach(([left, top], number) => {
    pen.fillStyle = colour(number); pen.beginPath(); pen.arc(left, top, size, 0, 7); pen.fill();
  });
  pen.globalAlpha = 1;
  if (front.size) {
    const line = data.front.map((number) => places[number]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    pen.strokeStyle = style("--front"); pen.lineWidth = 1.5; pen.beginPath();
    line.forEach(([left, top], number) => number ? pen.lineTo(left, top) : pen.moveTo(left, top)); pen.stroke();
    for (const [left, top] of line) { pen.beginPath(); pen.arc(left, top, size + 2.5, 0, 7); pen.stroke(); }
  }
  pen.strokeStyle = pen.fillStyle = style("--ink"); pen.textBaseline = "top";
  for (const [number, name] of data.named) {
    const [left, top] = places[number], turned = left > width * 0.7;
    pen.beginPath(); pen.arc(left, top, size + 4.5, 0, 7); pen.stroke();
    pen.textAlign = turned ? "right" : "left"; pen.fillText(name, left + (turned ? -9 : 9), top + 5);
  }
}

canvas.addEventListener("mousemove", (event) => {
  let best = -1, least = 18 * 18;
  places.forEach(([left, top], number) => {
    const far = (left - event.offsetX) ** 2 + (top - event.offsetY) ** 2;
    if (far < least || (far === least && front.has(number))) { least = far; best = number; }
  });
  tip.style.display = best < 0 ? "none" : "block";
  if (best < 0) return;
  const lines = [data.machines[data.machine[best]], data.workloads[data.workload[best]],
    `${data.names[0]}: ${said(data.x[best])}`, `${data.names[1]}: ${said(data.y[best])}`];
  if (data.colour) lines.push(`${data.names[2]}: ${data.words ? data.words[data.colour[best]] : said(data.colour[best])}`);
  if (front.has(best)) lines.push("no other is better in both");
  tip.replaceChildren(...lines.map((line) => Object.assign(document.createElement("div"), { textContent: line })));
  const right = places[best][0] > canvas.clientWidth * 0.6;
  tip.style.left = right ? "" : `${places[best][0] + 14}px`;
  tip.style.right = right ? `${canvas.clientWidth - places[best][0] + 14}px` : "";
  tip.style.top = `${Math.min(places[best][1] + 10, canvas.clientHeight - 130)}px`;
});
canvas.addEventListener("mouseleave", () => { tip.style.display = "none"; });

function entry(text, background) {
  const item = document.createElement("li");
  if (background) { const mark = document.createElement("i"); mark.style.background = background; item.append(mark); }
  item.append(text);
  return item;
}
const legend = document.getElementById("legend");
if (data.words) data.words.forEach((word, number) => legend.append(entry(word, WORDS[number % WORDS.length])));
if (hues) {
  const item = entry(`${data.names[2]}: ${said(hues[0])}`), mark = document.createElement("i");
  mark.className = "scale"; mark.style.background = `linear-gradient(to right, ${VIRIDIS.join(",")})`;
  item.append(mark, said(hues[1])); legend.append(item);
}
if (front.size) legend.append(entry("no other is better in both", style("--front")));
new ResizeObserver(draw).observe(canvas.parentElement);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
