//! Curves with bands over time, as an SVG that is readable on light and dark pages.

use std::fmt::Write as _;

/// A curve: its label, of how many flights it is, and low, middle and high at each sample.
pub struct Curve {
    pub label: String,
    pub count: usize,
    pub points: Vec<[f64; 3]>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 46.0;
/// Told apart by those who see few colours (Okabe, Ito 2008).
const COLOURS: [&str; 3] = ["#0072b2", "#d55e00", "#009e73"];

/// Draws curves over time, `step_s` seconds a sample.
pub fn draw(title: &str, curves: &[Curve], step_s: f64) -> String {
    let samples = curves.iter().map(|curve| curve.points.len()).max().unwrap_or(2).max(2);
    let highest = curves.iter().flat_map(|curve| &curve.points).map(|point| point[2]).fold(1.0, f64::max);
    let (across, up) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let x = |k: f64| LEFT + across * k / (samples - 1) as f64;
    let y = |value: f64| TOP + up * (1.0 - value / highest);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    let flights = curves.iter().map(|curve| curve.count).max().unwrap_or(0);
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}: windows verified over time, median and 10–90 % of {flights} seeds</text>",
        title.replace('&', "&amp;").replace('<', "&lt;")
    );
    grid(&mut svg, highest, samples, step_s, &x, &y);
    for (k, curve) in curves.iter().enumerate() {
        let colour = COLOURS[k % COLOURS.len()];
        let line = |part: usize, from: &mut dyn Iterator<Item = (usize, &[f64; 3])>| -> String {
            from.map(|(i, point)| format!("{:.1},{:.1} ", x(i as f64), y(point[part]))).collect()
        };
        let low = line(0, &mut curve.points.iter().enumerate().rev());
        let high = line(2, &mut curve.points.iter().enumerate());
        let middle = line(1, &mut curve.points.iter().enumerate());
        let _ = writeln!(svg, "<polygon points=\"{high}{low}\" fill=\"{colour}\" opacity=\"0.18\"/>");
        let _ = writeln!(
            svg,
            "<polyline points=\"{middle}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        let (at_x, at_y) = (WIDTH - RIGHT - 330.0, HEIGHT - BOTTOM - 16.0 * (curves.len() - k) as f64);
        let _ = writeln!(
            svg,
            "<rect x=\"{at_x}\" y=\"{:.1}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>\n<text x=\"{}\" y=\"{at_y:.1}\">{}</text>",
            at_y - 6.0,
            at_x + 20.0,
            curve.label
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn grid(
    svg: &mut String,
    highest: f64,
    samples: usize,
    step_s: f64,
    x: &dyn Fn(f64) -> f64,
    y: &dyn Fn(f64) -> f64,
) {
    let bottom = HEIGHT - BOTTOM;
    for k in 0..=4 {
        let value = highest * f64::from(k) / 4.0;
        let at = y(value);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/>\n\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.0}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        );
    }
    let end_s = (samples - 1) as f64 * step_s;
    let every_s =
        [60.0, 120.0, 300.0, 600.0, 1200.0].into_iter().find(|every| end_s / every <= 8.0).unwrap_or(3600.0);
    let mut time_s = 0.0;
    while time_s <= end_s {
        let at = x(time_s / step_s);
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{time_s:.0}</text>\n\
             <line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{bottom}\" y2=\"{}\" stroke=\"#888888\"/>",
            bottom + 18.0,
            bottom + 4.0
        );
        time_s += every_s;
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">simulated seconds</text>",
        WIDTH - RIGHT,
        bottom + 36.0
    );
}
