// toy.py once more, for the page.

export const prepare = async ({ curvatures }) => ({ curvatures });

export function compute({ shape, alpha, level, steps, theta }, env) {
  const factor = 1 - env.curvatures[shape] * alpha;
  const way = Float64Array.from({ length: steps + 1 }, (_one, step) => theta * factor ** step + level);
  return { way, last: way.at(-1) };
}

export const follow = (before, after) => after.shape !== before.shape ? { ...after, theta: 2 } : after;

export const panels = [
  {
    name: "way", ratio: 0.5, share: 0.6,
    draw(plot, { state, result, styles }) {
      plot.still("axes", () => plot.axes({ x: [0, 10], y: [-3, 3], xlabel: "step", ylabel: "θ" }));
      plot.line(Array.from(result.way.keys()), result.way, styles.after);
      plot.line([0], [state.theta], styles.hand);
    },
  },
  {
    name: "level", ratio: 0.75, share: 0.4,
    draw(plot, { state }) {
      plot.rects([[0, 0, 0.5 + state.level / 2, 1]], { fill: "#56b4e9" });
    },
  },
];

export function words({ result, texts, tools }) {
  const said = tools.fill(texts.end, { value: tools.signed(result.last) });
  return {
    panels: [{ title: "descent", legend: [{ text: said, mark: "after" }], note: "a note" }],
    remark: Math.abs(result.last) > Math.abs(result.way[0]) ? texts.grows : "",
  };
}
export const describe = ({ result, tools }) => `θ goes from ${tools.signed(result.way[0])} to ${tools.signed(result.last)}.`;

export const drag = {
  grab: ({ state, tools }, panel, x, y) => panel === 0 && tools.near(0, 0, state.theta, x, y) <= tools.reach ? "θ" : null,
  pull: ({ state }, held, panel, x, y) => ({ ...state, theta: Math.min(3, Math.max(-3, y)) }),
};
export const touch = ({ state }, panel, x) => panel === 1 ? { ...state, level: 2 * x - 1 } : null;
export function keys({ state }, { key, shift }) {
  if (key === "Escape") throw new Error("Escape leads nowhere.");
  const by = { ArrowUp: 1, ArrowDown: -1 }[key];
  return by ? { ...state, theta: state.theta + by * (shift ? 0.1 : 0.5) } : null;
}
export const play = { name: "steps", label: "play", interval: 20, last: () => 6 };
export const buttons = [{ label: "back", press: ({ state }) => ({ ...state, theta: 2 }) }];
