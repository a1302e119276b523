//! What a sweep varies: grids, lists and Latin hypercubes, and how they are combined.

use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::SweepArgs;
use super::plan::{File, RUNS_MAX};
use crate::cli::Failure;
use crate::cli::output::quoted;
use crate::cli::settings::{Base, parse_value, show};
use crate::sim::rng::{Channel, Stream};

/// How many points a Latin hypercube may have.
pub const POINTS: RangeInclusive<i64> = 1..=1_000_000;

/// A Latin hypercube.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hypercube {
    points: u32,
    #[serde(default = "one")]
    seed: u64,
    ranges: Table,
}

fn one() -> u64 {
    1
}

/// One axis, or several that go together: paths, and points with a value for each.
pub struct Axis {
    paths: Vec<String>,
    points: Vec<Vec<Value>>,
    /// The flags that give it.
    pub flags: String,
    /// Whether it comes from the plan file.
    pub is_of_plan: bool,
}

/// Reads the axes of the plan file and of the command line, in the order in which they are combined.
pub fn axes(args: &SweepArgs, file: &File, base: &Base) -> Result<Vec<Axis>, Failure> {
    let mut axes = Vec::new();
    for (path, values) in &file.grid {
        let points = match values {
            Value::Array(values) => values.clone(),
            Value::String(text) => parse_values(text),
            other => {
                return Err(format!("grid.{path}: {other} is neither a list nor a text such as \"0:6:13\""));
            }
        };
        axes.push(Axis { is_of_plan: true, ..grid_axis(path, points)? });
    }
    for grid in &args.grid {
        let (path, values) =
            grid.split_once('=').ok_or_else(|| format!("--grid {grid}: must be PATH=V1,V2,…"))?;
        axes.push(grid_axis(path.trim(), parse_values(values))?);
    }
    match &args.list {
        Some(path) => axes.push(read_list(path)?),
        None if file.list.is_empty() => {}
        None => axes.push(list_axis(&file.list)?),
    }
    axes.iter_mut().try_for_each(|axis| axis.keep_whole(base))?;
    let hypercube = match args.lhs {
        Some(points) => Some(Hypercube { points, seed: args.lhs_seed, ranges: ranges(&args.range)? }),
        None => file.latin_hypercube.clone(),
    };
    if let Some(hypercube) = hypercube {
        let is_of_plan = args.lhs.is_none();
        axes.push(Axis { is_of_plan, ..hypercube.axis(|path| base.wants_whole(path))? });
    }
    Ok(axes)
}

impl Axis {
    /// Makes whole numbers of those that are, in fields that take no others.
    fn keep_whole(&mut self, base: &Base) -> Result<(), Failure> {
        for (column, path) in self.paths.iter().enumerate().filter(|(_, path)| base.wants_whole(path)) {
            for value in self.points.iter_mut().filter_map(|point| point.get_mut(column)) {
                let Some(number) = value.as_float() else { continue };
                // Steps are off by rounding errors.
                if (number - number.round()).abs() <= 1e-9 * number.abs().max(1.0) {
                    *value = Value::Integer(number.round() as i64);
                } else {
                    return Err(format!("{path}: {number} is among its values, but must be a whole number"));
                }
            }
        }
        Ok(())
    }
}

fn grid_axis(path: &str, values: Vec<Value>) -> Result<Axis, Failure> {
    if values.is_empty() {
        return Err(format!("grid of {path}: there is no value"));
    }
    let shown: Vec<String> = values.iter().map(show).collect();
    let flags = format!("--grid {}", quoted(&format!("{path}={}", shown.join(","))));
    Ok(Axis {
        paths: vec![path.to_owned()],
        points: values.into_iter().map(|value| vec![value]).collect(),
        flags,
        is_of_plan: false,
    })
}

/// `1,2,3`, or `FROM:TO:STEPS`; commas within brackets do not divide.
fn parse_values(text: &str) -> Vec<Value> {
    if let [from, to, steps] = text.split(':').collect::<Vec<_>>().as_slice()
        && let (Ok(from), Ok(to), Ok(steps)) =
            (from.trim().parse::<f64>(), to.trim().parse::<f64>(), steps.trim().parse::<u32>())
    {
        let last = f64::from(steps.max(2) - 1);
        let at = |step: u32| if step == 0 { from } else { from + (to - from) * (f64::from(step) / last) };
        return (0..steps).map(|step| Value::Float(at(step))).collect();
    }
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in text.chars() {
        depth += i32::from(letter == '[') - i32::from(letter == ']');
        match (letter, parts.last_mut()) {
            (',', _) if depth == 0 => parts.push(String::new()),
            (letter, Some(part)) => part.push(letter),
            _ => {}
        }
    }
    parts.iter().filter(|part| !part.trim().is_empty()).map(|part| parse_value(part)).collect()
}

fn ranges(texts: &[String]) -> Result<Table, Failure> {
    let range = |text: &String| {
        let wrong = || format!("--range {text}: must be PATH=MIN..MAX");
        let (path, range) = text.split_once('=').ok_or_else(wrong)?;
        let (min, max) = range.split_once("..").ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse::<f64>().map(Value::Float).map_err(|_| wrong());
        Ok::<_, Failure>((path.trim().to_owned(), Value::Array(vec![number(min)?, number(max)?])))
    };
    let mut ranges = Table::new();
    for text in texts {
        let (path, range) = range(text)?;
        if ranges.insert(path.clone(), range).is_some() {
            return Err(varied_twice(&path));
        }
    }
    Ok(ranges)
}

fn read_list(path: &Path) -> Result<Axis, Failure> {
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let path_of_list = path.display().to_string();
    let rows = crate::export::Reader::open(path).map_err(|error| at(&error))?;
    let paths = rows.columns().to_vec();
    let mut points = Vec::new();
    for row in rows {
        let row = row.map_err(|error| at(&error))?;
        let values: Option<Vec<Value>> =
            row.into_iter().map(|cell| cell.map(|text| parse_value(&text))).collect();
        points.push(values.ok_or_else(|| at(&format_args!("row {}: a value is missing", points.len() + 1)))?);
    }
    if points.is_empty() {
        return Err(at(&"there is no row"));
    }
    Ok(Axis { paths, points, flags: format!("--list {}", quoted(&path_of_list)), is_of_plan: false })
}

fn list_axis(list: &[Table]) -> Result<Axis, Failure> {
    let paths: Vec<String> = list.iter().take(1).flat_map(Table::keys).cloned().collect();
    if paths.is_empty() {
        return Err("[[list]] 1 has no value".to_owned());
    }
    let point = |(table, place): (&Table, usize)| {
        let same = table.len() == paths.len() && paths.iter().all(|path| table.contains_key(path));
        match same {
            true => Ok(paths.iter().filter_map(|path| table.get(path).cloned()).collect()),
            false => Err(format!("[[list]] {place} has other paths than the first")),
        }
    };
    let points: Result<Vec<Vec<Value>>, Failure> = list.iter().zip(1..).map(point).collect();
    Ok(Axis { points: points?, paths, flags: String::new(), is_of_plan: true })
}

impl Hypercube {
    /// Each range is cut into as many slices as there are points, and each slice is visited once, at a random place
    /// in it (McKay, Beckman and Conover 1979). Where `is_whole` says so, the place is rounded.
    fn axis(&self, is_whole: impl Fn(&str) -> bool) -> Result<Axis, Failure> {
        if !POINTS.contains(&i64::from(self.points)) {
            let (min, max) = (POINTS.start(), POINTS.end());
            return Err(format!("latin_hypercube.points: {} is not in {min}..={max}", self.points));
        }
        if self.ranges.is_empty() {
            return Err("latin_hypercube.ranges: there is no range".to_owned());
        }
        let (mut paths, mut columns) = (Vec::new(), Vec::new());
        for ((path, range), axis) in self.ranges.iter().zip(0_u32..) {
            let bounds: Option<Vec<f64>> = range.as_array().map(|list| {
                list.iter()
                    .filter_map(|v| v.as_float().or_else(|| v.as_integer().map(|i| i as f64)))
                    .collect()
            });
            let [min, max] = *bounds.unwrap_or_default().as_slice() else {
                return Err(format!("range of {path}: {range} is not [min, max]"));
            };
            if !(min.is_finite() && max.is_finite() && min < max) {
                return Err(format!("range of {path}: {min} is not less than {max}"));
            }
            let mut stream = Stream::new(self.seed, axis, 0, Channel::Placement);
            let mut slices: Vec<u32> = (0..self.points).collect();
            for last in (1..slices.len()).rev() {
                let other = (stream.uniform() * (last + 1) as f64) as usize;
                slices.swap(last, other.min(last));
            }
            let place = |slice: &u32| (f64::from(*slice) + stream.uniform()) / f64::from(self.points);
            let places = slices.iter().map(place).map(|at| min + (max - min) * at);
            let (least, most) = (min.ceil(), max.floor());
            columns.push(match is_whole(path) {
                false => places.map(Value::Float).collect::<Vec<Value>>(),
                true if least > most => {
                    return Err(format!("range of {path}: there is no whole number from {min} to {max}"));
                }
                true => places.map(|at| Value::Integer(at.round().clamp(least, most) as i64)).collect(),
            });
            paths.push(path.clone());
        }
        let point = |k: usize| columns.iter().map(|column: &Vec<Value>| column[k].clone()).collect();
        let range = |(path, range): (&String, &Value)| {
            let bounds: Vec<String> = range.as_array().into_iter().flatten().map(show).collect();
            format!(" --range {}", quoted(&format!("{path}={}", bounds.join(".."))))
        };
        let flags: String = self.ranges.iter().map(range).collect();
        let flags = format!("--lhs {} --lhs-seed {}{flags}", self.points, self.seed);
        Ok(Axis { paths, points: (0..self.points as usize).map(point).collect(), flags, is_of_plan: false })
    }
}

fn varied_twice(path: &str) -> Failure {
    format!("{path} is varied twice")
}

/// Every point of every axis with every point of the others, the last axis fastest.
pub fn combine(axes: &[Axis]) -> Result<(Vec<String>, Vec<Vec<Value>>), Failure> {
    let (mut paths, mut points) = (Vec::<String>::new(), vec![Vec::new()]);
    for axis in axes {
        for path in &axis.paths {
            if paths.contains(path) {
                return Err(varied_twice(path));
            }
            paths.push(path.clone());
        }
        if points.len() as u64 * axis.points.len() as u64 > RUNS_MAX {
            return Err(format!("more than {RUNS_MAX} points are planned"));
        }
        let extend = |point: &Vec<Value>| {
            let point = point.clone();
            axis.points.iter().map(move |more| point.iter().chain(more).cloned().collect())
        };
        points = points.iter().flat_map(extend).collect();
    }
    Ok((paths, points))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_as_lists_and_as_steps() {
        let floats = |text| parse_values(text).iter().filter_map(Value::as_float).collect::<Vec<_>>();
        assert_eq!(floats("0:6:4"), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(floats("0.5, 1.5"), [0.5, 1.5]);
        assert_eq!(parse_values("[1, 2],[3]").len(), 2);
        assert_eq!(parse_values("forward,old_heading").len(), 2);
        assert!(parse_values(" , ").is_empty());
    }

    #[test]
    fn a_latin_hypercube_visits_every_slice_of_every_range_once() {
        let ranges = ranges(&["a=0..10".to_owned(), "b=-1..1".to_owned()]).unwrap();
        let cube = Hypercube { points: 10, seed: 3, ranges };
        let axis = cube.axis(|_| false).unwrap();
        for (column, (min, width)) in [(0.0, 1.0), (-1.0, 0.2)].into_iter().enumerate() {
            let value = |point: &Vec<Value>| point[column].as_float().unwrap();
            let mut slices: Vec<i64> =
                axis.points.iter().map(|p| ((value(p) - min) / width).floor() as i64).collect();
            slices.sort_unstable();
            assert_eq!(slices, (0..10).collect::<Vec<_>>());
        }
        assert_eq!(axis.points, cube.axis(|_| false).unwrap().points);
        assert_ne!(axis.points, Hypercube { seed: 4, ..cube }.axis(|_| false).unwrap().points);
    }

    #[test]
    fn a_plan_without_points_is_refused() {
        let cube =
            |text: &str| toml::from_str::<Hypercube>(text).unwrap().axis(|_| false).map(drop).unwrap_err();
        for points in [0, 1_000_001] {
            let error = cube(&format!("points = {points}\nranges = {{ a = [0, 1] }}"));
            assert_eq!(error, format!("latin_hypercube.points: {points} is not in 1..=1000000"));
        }
        assert_eq!(cube("points = 3\nranges = {}"), "latin_hypercube.ranges: there is no range");
        assert!(list_axis(&[Table::new(), Table::new()]).is_err());
    }

    #[test]
    fn axes_are_combined_and_no_path_comes_twice() {
        let axes =
            [grid_axis("a", parse_values("1,2")).unwrap(), grid_axis("b", parse_values("3,4,5")).unwrap()];
        let (paths, points) = combine(&axes).unwrap();
        assert_eq!((paths.len(), points.len()), (2, 6));
        assert_eq!(points[1], [Value::Integer(1), Value::Integer(4)]);
        let twice = [grid_axis("a", parse_values("1")).unwrap(), grid_axis("a", parse_values("2")).unwrap()];
        assert!(combine(&twice).is_err());
        let within = Axis {
            paths: vec!["a".to_owned(), "b".to_owned(), "a".to_owned()],
            points: vec![parse_values("1,2,3")],
            flags: String::new(),
            is_of_plan: false,
        };
        assert_eq!(combine(&[within]), Err("a is varied twice".to_owned()));
        let twice = ranges(&["a=0..1".to_owned(), "a = 2..3".to_owned()]);
        assert_eq!(twice, Err("a is varied twice".to_owned()));
    }
}
