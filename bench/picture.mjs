// Draws what the benchmarks measured as SVG, readable by day and by night.

const WIDTH = 860;
const LEFT = 250;
const RIGHT = 110;
const ROW = 26;
const HEAD = 64;
const STYLE = `
  svg { font: 13px system-ui, sans-serif; }
  .ground { fill: #ffffff; } text { fill: #182025; } .faint { fill: #5d6a71; } .title { font-size: 15px; font-weight: 600; }
  .grid { stroke: #cdd4d6; } .poll { fill: #b3261e; stroke: #b3261e; } .ours { fill: #00688f; stroke: #00688f; }
  .other { fill: #7a5f00; stroke: #7a5f00; } .third { fill: #2b7a3d; stroke: #2b7a3d; }
  .limit { stroke: #182025; stroke-dasharray: 3 4; stroke-width: 1.5; } .line { stroke-width: 2; }
  .thin { stroke-width: 2; } .end { text-anchor: end; } .middle { text-anchor: middle; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0f1214; } text { fill: #dbe1e4; } .faint { fill: #a0abb2; }
    .grid { stroke: #293035; } .poll { fill: #f2694e; stroke: #f2694e; } .ours { fill: #5cc8f2; stroke: #5cc8f2; }
    .other { fill: #d9b13b; stroke: #d9b13b; } .third { fill: #6fc384; stroke: #6fc384; } .limit { stroke: #dbe1e4; }
  }
  path.line { fill: none; }`;

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const thousands = (value) => (value < 10 ? Number(value.toPrecision(2)).toString() : Math.round(value).toLocaleString('en'));

/**
 * Panels one below the other, each a list of rows on the same logarithmic axis: `{ title, rows: [{ name, polls, from, to }] }`, where a row
 * is a bar to `to`, or, with `from`, a span from `from` to `to` with a dot at `from`. `say` writes what stands behind a row.
 */
export function picture({ title, unit, panels, say }) {
  const all = panels.flatMap(({ rows }) => rows.flatMap(({ from, to }) => [from ?? to, to])).filter((value) => value > 0);
  const [low, high] = [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))];
  const x = (value) => LEFT + ((Math.log10(value) - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const body = [];
  let y = HEAD;
  for (const panel of panels) {
    const bottom = y + 24 + panel.rows.length * ROW;
    body.push(`<text x="16" y="${y + 14}" class="faint">${escape(panel.title)}</text>`);
    for (let power = low; power <= high; power += 1) {
      const at = x(10 ** power).toFixed(1);
      body.push(`<path class="grid" d="M${at} ${y + 22}V${bottom}"/><text class="faint middle" x="${at}" y="${y + 14}">${thousands(10 ** power)}</text>`);
    }
    panel.rows.forEach((row, n) => {
      const middle = y + 24 + (n + 0.5) * ROW;
      const kind = row.polls ? 'poll' : 'ours';
      const [left, right] = [row.from === undefined ? LEFT : x(row.from), x(row.to)];
      body.push(`<text class="end" x="${LEFT - 10}" y="${middle + 4}">${escape(row.name)}</text>`);
      if (row.from === undefined) body.push(`<rect class="${kind}" x="${left}" y="${middle - 7}" width="${(right - left).toFixed(1)}" height="14" stroke="none"/>`);
      else body.push(`<path class="${kind} thin" d="M${left.toFixed(1)} ${middle}H${right.toFixed(1)}M${right.toFixed(1)} ${middle - 7}v14"/><circle class="${kind}" cx="${left.toFixed(1)}" cy="${middle}" r="5"/>`);
      body.push(`<text class="faint" x="${(right + 9).toFixed(1)}" y="${middle + 4}">${escape(say(row))}</text>`);
    });
    y = bottom + 18;
  }
  return page(title, unit, y, body);
}

/**
 * Two panels side by side, both axes logarithmic: `{ title, across, limit?, series: [{ name, kind, points: [[x, y], …] }] }`; `kind` is one of
 * the colours `ours`, `poll`, `other` and `third`, `limit` a height at which a dotted line runs through.
 */
export function growth({ title, unit, panels }) {
  const [top, bottom, wide, gap] = [HEAD + 24, HEAD + 264, 346, 60];
  const body = panels.flatMap(({ title: name, across, limit, series }, n) => {
    const left = 58 + n * (wide + gap);
    const ends = (values) => [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
    const points = series.flatMap((each) => each.points);
    const [west, east] = ends(points.map(([at]) => at));
    const [low, high] = ends([...points.map(([, value]) => value), ...(limit ? [limit] : [])]);
    const x = (value) => (left + ((Math.log10(value) - west) / (east - west)) * wide).toFixed(1);
    const y = (value) => (bottom - ((Math.log10(value) - low) / (high - low)) * (bottom - top)).toFixed(1);
    const powers = (from, to) => Array.from({ length: to - from + 1 }, (_, k) => 10 ** (from + k));
    return [
      `<text x="${left}" y="${HEAD + 14}">${escape(name)}</text><text class="faint middle" x="${left + wide / 2}" y="${bottom + 38}">${escape(across)}</text>`,
      ...powers(west, east).map((at) => `<path class="grid" d="M${x(at)} ${top}V${bottom}"/><text class="faint middle" x="${x(at)}" y="${bottom + 18}">${thousands(at)}</text>`),
      ...powers(low, high).map((at) => `<path class="grid" d="M${left} ${y(at)}H${left + wide}"/><text class="faint end" x="${left - 6}" y="${Number(y(at)) + 4}">${thousands(at)}</text>`),
      ...(limit ? [`<path class="limit" d="M${left} ${y(limit)}H${left + wide}"/>`] : []),
      ...series.flatMap(({ name: label, kind, points: own }, k) => [
        `<path class="${kind} line" d="M${own.map(([at, value]) => `${x(at)} ${y(value)}`).join('L')}"/>`,
        ...own.map(([at, value]) => `<circle class="${kind}" cx="${x(at)}" cy="${y(value)}" r="3"/>`),
        `<rect class="${kind}" x="${left + k * 104}" y="${bottom + 52}" width="12" height="3"/><text class="faint" x="${left + k * 104 + 17}" y="${bottom + 58}">${escape(label)}</text>`,
      ]),
    ];
  });
  return page(title, unit, bottom + 76, body);
}

function page(title, unit, height, body) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">
<style>${STYLE}
</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
<text class="title" x="16" y="28">${escape(title)}</text><text class="faint" x="16" y="48">${escape(unit)}</text>
${body.join('\n')}
</svg>
`;
}

export { thousands };
