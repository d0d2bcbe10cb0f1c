"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const time = typeof data.time === "number" ? [data.time] : data.time;
  const column = (name) => (Array.isArray(data.columns[name]) ? data.columns[name] : time.map(() => data.columns[name]));
  const whole = { min: 0, max: time[time.length - 1] };
  const button = document.getElementById("whole");
  const sync = uPlot.sync("time");
  let plots = [];
  let shown = { ...whole };

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const narrow = () => document.body.clientWidth < 620;

  // One list of steps for every axis of time, so that marks fall on whole seconds, minutes and hours.
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000];
  const two = (n) => String(n).padStart(2, "0");
  function clock(s, tenths) {
    const seconds = tenths ? s.toFixed(1) : String(Math.round(s));
    if (whole.max < 120) return seconds + " s";
    const total = Math.round(s), h = Math.floor(total / 3600), m = Math.floor((total % 3600) / 60);
    const rest = tenths && whole.max < 3600 ? (s - 60 * Math.floor(s / 60)).toFixed(1).padStart(4, "0") : two(total % 60);
    const minutes = tenths && whole.max < 3600 ? Math.floor(s / 60) : m;
    return h ? h + ":" + two(m) + ":" + two(total % 60) : minutes + ":" + rest;
  }

  // name of a plot -> its series: column, label, colour, decimals, dash, axis
  const figures = {
    clock: [["cpu_clock_ghz", "processor", "--cpu", 2], ["gpu_clock_ghz", "graphics", "--gpu", 2]],
    temperature: [
      ["cpu_temp_c", "processor", "--cpu", 1], ["gpu_temp_c", "graphics", "--gpu", 1],
      ["cpu_sink_temp_c", "its sink", "--cpu", 1, [4, 3]], ["gpu_sink_temp_c", "its sink", "--gpu", 1, [4, 3]],
      ["exhaust_temp_c", "air out", "--air", 1],
    ],
    fan: [["fan_rpm", "fans", "--fan", 0], ["noise_dba", "noise dBA (right)", "--noise", 1, [6, 3], "right"]],
    power: [["wall_power_w", "wall", "--wall", 0], ["cpu_power_w", "processor", "--cpu", 0], ["gpu_power_w", "graphics", "--gpu", 0]],
    busy: [
      ["cpu_busy", "processor", "--cpu", 0], ["gpu_busy", "graphics", "--gpu", 0], ["storage_busy", "drive", "--drive", 0],
      ["progress", "progress of the phase", "--progress", 0, [2, 3]],
    ],
  };

  function zoom(min, max) {
    shown = { min: Math.max(min, whole.min), max: Math.min(max, whole.max) };
    button.hidden = shown.min <= whole.min && shown.max >= whole.max;
    for (const plot of plots) plot.setScale("x", shown);
  }

  function timeAxis() {
    return {
      stroke: style("--soft"), grid: { stroke: style("--grid"), width: 1 }, ticks: { stroke: style("--line"), width: 1, size: 4 },
      font: "11px system-ui, sans-serif", size: 26, gap: 3, space: narrow() ? 52 : 76, incrs: steps,
      values: (plot, splits, axis, space, step) => splits.map((s) => clock(s, step < 1)),
    };
  }

  function valueAxis(side, scale, shownToo) {
    return {
      side, scale, show: true, stroke: style(scale === "right" ? "--noise" : "--soft"), size: narrow() ? 40 : 58, gap: 4, space: 34,
      grid: { show: side === 3, stroke: style("--grid"), width: 1 }, ticks: { show: shownToo, stroke: style("--line"), width: 1, size: 4 },
      font: "11px system-ui, sans-serif",
      values: (plot, splits) => (shownToo ? splits.map((v) => v.toLocaleString("en", { maximumFractionDigits: 2 })) : splits.map(() => "")),
    };
  }

  // Room above and below a series, and never a span so small that noise looks like an event.
  const least = { clock: 0.4, temperature: 10, fan: 200, power: 20, right: 4 };
  function span(name, lines, series) {
    return (plot, low, high) => {
      if (name === "busy") return [0, 105];
      if (low === null) return [0, 1];
      const visible = lines.filter((line) => plot.series[series.findIndex((one) => one[0] === line.column) + 1].show);
      for (const line of visible) { low = Math.min(low, line.value); high = Math.max(high, line.value); }
      const middle = (low + high) / 2, half = Math.max((high - low) * 0.56, least[name] / 2);
      return name === "power" || name === "fan" ? [0, high * 1.08] : [Math.max(0, middle - half), middle + half];
    };
  }

  // The edges of the phases, behind the lines; left out where they would be a grey surface.
  function drawPhases(plot) {
    const { ctx, bbox } = plot;
    const visible = data.phases.filter((phase) => phase[0] > shown.min && phase[0] < shown.max);
    if (visible.length * 8 * devicePixelRatio > bbox.width) return;
    ctx.save();
    ctx.strokeStyle = style("--line");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([2 * devicePixelRatio, 2 * devicePixelRatio]);
    ctx.beginPath();
    for (const phase of visible) {
      const x = Math.round(plot.valToPos(phase[0], "x", true)) + 0.5;
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
    }
    ctx.stroke();
    ctx.restore();
  }

  // Published measurements: a dashed line, and its value in the margin or, where the margin has an axis, in the plot.
  const short = { median: "typ." };
  function drawMeasured(lines, series, marginIsFree) {
    return (plot) => {
      const { ctx, bbox } = plot, dpr = devicePixelRatio, end = bbox.left + bbox.width, taken = [];
      ctx.save();
      ctx.font = 11 * dpr + "px system-ui, sans-serif";
      ctx.textAlign = marginIsFree ? "left" : "right";
      ctx.textBaseline = "middle";
      ctx.lineJoin = "round";
      for (const line of lines) {
        const index = series.findIndex((one) => one[0] === line.column);
        if (!plot.series[index + 1].show) continue;
        const y = Math.round(plot.valToPos(line.value, series[index][5] || "y", true)) + 0.5;
        ctx.strokeStyle = ctx.fillStyle = style(series[index][2]);
        ctx.lineWidth = 1.2 * dpr;
        ctx.setLineDash([7 * dpr, 4 * dpr]);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(end, y);
        ctx.stroke();
        ctx.setLineDash([]);
        let at = marginIsFree ? y : y - 8 * dpr;
        while (taken.some((other) => Math.abs(other - at) < 12 * dpr)) at += dpr;
        taken.push(at);
        const value = line.value.toLocaleString("en", { maximumFractionDigits: 2 });
        const words = narrow() && marginIsFree ? value : value + " " + (short[line.what] || line.what);
        if (!marginIsFree) {
          ctx.lineWidth = 4 * dpr;
          ctx.strokeStyle = style("--paper");
          ctx.strokeText(words, end - 4 * dpr, at);
        }
        ctx.fillText(words, marginIsFree ? end + 5 * dpr : end - 4 * dpr, at);
      }
      ctx.restore();
    };
  }

  function zoomHooks() {
    return {
      setSelect: [(plot) => {
        if (plot.select.width > 4) zoom(plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x"));
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
      ready: [(plot) => plot.over.addEventListener("dblclick", () => zoom(whole.min, whole.max))],
    };
  }

  const cursor = () => ({
    y: false, drag: { x: true, y: false, setScale: false, dist: 4 }, sync: { key: sync.key, setSeries: false },
    points: { size: 6, width: 1.5 }, bind: { dblclick: () => null },
  });

  function draw(name) {
    const figure = document.getElementById(name), place = figure.querySelector(".plot"), series = figures[name].filter(([key]) => !(name === "busy" && data.columns[key] === 0));
    const lines = [...data.measured].sort((a, b) => b.value - a.value).filter((line) => series.some((one) => one[0] === line.column));
    const leftLines = lines.filter((line) => !series.find((one) => one[0] === line.column)[5]);
    const right = series.some((one) => one[5] === "right");
    const percent = name === "busy" ? 100 : 1;
    const scales = { x: { time: false, range: () => [shown.min, shown.max] }, y: { range: span(name, leftLines, series) } };
    if (right) scales.right = { range: span("right", lines.filter((line) => !leftLines.includes(line)), series) };
    const axes = [timeAxis(), valueAxis(3, "y", true)];
    axes.push(valueAxis(1, right ? "right" : "y", right));
    const options = {
      width: place.clientWidth, height: name === "temperature" ? 230 : narrow() ? 160 : 176, scales, axes, cursor: cursor(),
      padding: [8, 0, 0, 0], pxAlign: 0,
      legend: { markers: { width: 0, stroke: () => "", dash: () => "solid" }, mount: (plot, legend) => figure.querySelector("figcaption").append(legend) },
      series: [{ label: "time", value: (plot, s) => (s == null ? "" : clock(s, true)) }].concat(
        series.map(([key, label, colour, decimals, dash, scale]) => ({
          label, scale: scale || "y", stroke: style(colour), width: dash ? 1.25 : 1.5, dash, points: { show: time.length === 1 },
          value: (plot, v) => (v == null ? "" : v.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })),
        })),
      ),
      hooks: { ...zoomHooks(), drawAxes: [drawPhases], draw: [drawMeasured(lines, series, !right)] },
    };
    const values = series.map(([key]) => (percent === 1 ? column(key) : column(key).map((v) => v * percent)));
    const made = new uPlot(options, [time, ...values], place);
    [...figure.querySelectorAll(".u-series")].slice(1).forEach((row, index) => {
      const marker = row.querySelector(".u-marker");
      marker.style.borderColor = style(series[index][2]);
      marker.style.borderStyle = series[index][4] ? "dashed" : "solid";
    });
    return made;
  }

  // Two strips on the same axis of time: the phases, and under them what limited the work.
  function drawBand(place) {
    const colours = [...document.querySelectorAll(".limits i")].reduce((all, mark) => ({ ...all, [mark.dataset.code]: mark.style.background }), {});
    const strips = (plot) => {
      const { ctx, bbox } = plot, dpr = devicePixelRatio, half = bbox.height / 2;
      const at = (s) => Math.min(Math.max(plot.valToPos(s, "x", true), bbox.left), bbox.left + bbox.width);
      ctx.save();
      ctx.font = 11 * dpr + "px system-ui, sans-serif";
      ctx.textBaseline = "middle";
      data.phases.forEach(([from, to, name], number) => {
        const a = at(from), b = at(to);
        if (b <= a) return;
        ctx.fillStyle = style(number % 2 ? "--line" : "--grid");
        ctx.fillRect(a, bbox.top, b - a, half - 3 * dpr);
        const words = name.length > 40 ? name.slice(0, 39) + "…" : name;
        if (ctx.measureText(words).width + 8 * dpr < b - a) {
          ctx.fillStyle = style("--ink");
          ctx.fillText(words, a + 4 * dpr, bbox.top + half / 2 - 1 * dpr);
        }
      });
      for (const [from, to, code] of data.limit) {
        const a = at(from), b = at(to);
        if (b <= a) continue;
        ctx.fillStyle = colours[code] || style("--soft");
        ctx.fillRect(a, bbox.top + half, Math.max(b - a, 1), half);
      }
      ctx.restore();
    };
    const blank = { ...valueAxis(3, "y", false), grid: { show: false } };
    const other = { ...valueAxis(1, "y", false), grid: { show: false } };
    return new uPlot({
      width: place.clientWidth, height: 84, cursor: { ...cursor(), points: { show: false } }, legend: { show: false }, padding: [6, 0, 0, 0],
      scales: { x: { time: false, range: () => [shown.min, shown.max] }, y: { range: [0, 1] } },
      axes: [timeAxis(), blank, other], series: [{}, { show: true, stroke: "transparent", points: { show: false } }],
      hooks: { ...zoomHooks(), draw: [strips] },
    }, [time, time.map(() => 0.5)], place);
  }

  function build() {
    for (const plot of plots) plot.destroy();
    plots = Object.keys(figures).map(draw);
    plots.push(drawBand(document.querySelector("#band .plot")));
  }

  function fit() {
    for (const plot of plots) plot.setSize({ width: plot.root.parentElement.clientWidth, height: plot.height });
  }

  button.addEventListener("click", () => zoom(whole.min, whole.max));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
  addEventListener("beforeprint", () => { document.documentElement.classList.add("printing"); build(); });
  addEventListener("afterprint", () => { document.documentElement.classList.remove("printing"); build(); });
  let width = document.body.clientWidth;
  addEventListener("resize", () => {
    const crossed = (document.body.clientWidth < 620) !== (width < 620);
    width = document.body.clientWidth;
    if (crossed) build(); else fit();
  });
  build();
})();
