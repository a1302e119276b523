//! What a sweep consists of: a scenario, points and seeds, in a fixed order.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::{Table, Value};

use super::axes::{Hypercube, axes, combine};
use super::{SweepArgs, table};
use crate::cli::output::quoted;
use crate::cli::run::LengthArgs;
use crate::cli::settings::{Base, Setting, Variant, show};
use crate::cli::{Failure, Stop, load_scenario};
use crate::export::Kind;
use crate::sim::Scenario;
use crate::sim::hash::Hash64;

/// More runs than this are a slip of the finger.
pub const RUNS_MAX: u64 = 10_000_000;

/// So many values of a field are checked before anything runs; those beyond fail in their runs.
const VALUES_CHECKED: usize = 10_000;
/// A value that is wrong by itself is tried in so many points.
const POINTS_TRIED: usize = 1000;

/// A sweep, worked out: run `k` is point `k / seeds` with seed `k % seeds`.
pub struct Plan {
    base: Base,
    seeds: Vec<u64>,
    seeds_text: String,
    seconds: f64,
    /// Of every point.
    ticks: Vec<u64>,
    paths: Vec<String>,
    points: Vec<Vec<Value>>,
    command: String,
}

/// A plan file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    scenario: Option<String>,
    seeds: Option<Value>,
    seconds: Option<f64>,
    ticks: Option<u64>,
    /// Values by path.
    #[serde(default)]
    pub grid: Table,
    /// Points, each a value by path.
    #[serde(default)]
    pub list: Vec<Table>,
    /// Ranges to sample.
    pub latin_hypercube: Option<Hypercube>,
}

impl Plan {
    /// Reads a plan from the command line and the file that it names.
    ///
    /// # Errors
    /// It is wrong usage to ask for what the scenario does not have; that a file cannot be read is a failure.
    pub fn read(args: &SweepArgs) -> Result<Self, Stop> {
        let file = args.plan.as_deref().map_or(Ok(File::default()), read_file)?;
        let scenario = match (&args.scenario, &file.scenario) {
            (Some(name), _) => name.clone(),
            (None, Some(name)) => beside(args.plan.as_deref(), name),
            (None, None) => return Err(Stop::Failed("the plan names no scenario".to_owned())),
        };
        let base = Base::new(load_scenario(&scenario)?);
        Self::of(args, &file, &scenario, base).map_err(Stop::Usage)
    }

    fn of(args: &SweepArgs, file: &File, scenario: &str, base: Base) -> Result<Self, Failure> {
        let seeds_text = match (&args.seeds, &file.seeds) {
            (Some(text), _) => text.clone(),
            (None, Some(value)) => seeds_of(value)?,
            (None, None) => base.scenario().seed.to_string(),
        };
        let length = match (args.length.seconds, args.length.ticks) {
            (None, None) => LengthArgs { seconds: file.seconds, ticks: file.ticks },
            _ => args.length.clone(),
        };
        let axes = axes(args, file, &base)?;
        let mut command = vec!["hmrs".to_owned(), "sweep".to_owned(), quoted(scenario)];
        // The points of a list are no flags: the plan then stands for all that comes from it.
        let plan = args.plan.as_ref().filter(|_| args.list.is_none() && !file.list.is_empty());
        command.extend(plan.map(|plan| format!("--plan {}", quoted(&plan.display().to_string()))));
        let said = axes.iter().filter(|axis| plan.is_none() || !axis.is_of_plan);
        command.extend(said.map(|axis| axis.flags.clone()));
        let (paths, points) = combine(&axes)?;
        let seeds = parse_seeds(&seeds_text)?;
        let (seconds, ticks) = (length.seconds(), Vec::new());
        let mut plan =
            Plan { base, seeds, seeds_text, seconds, ticks, paths, points, command: String::new() };
        plan.check()?;
        plan.ticks = plan.ticks_of_points(&length)?;
        let (unit, count) = plan.length();
        command.push(format!("--seeds {} --{unit} {count}", plan.seeds_text));
        plan.command = command.join(" ");
        Ok(plan)
    }

    fn varies_tick(&self) -> bool {
        self.paths.iter().any(|path| path == "time" || path.starts_with("time."))
    }

    fn ticks_of_points(&self, length: &LengthArgs) -> Result<Vec<u64>, Failure> {
        let own = self.base.scenario().tick_s;
        if !self.varies_tick() {
            return Ok(vec![length.ticks(own)?; self.points.len()]);
        }
        let ticks = |point: &Vec<Value>| {
            // A point that cannot be flown fails with an error of its own.
            let variant = self.base.vary(&self.settings_of(point));
            length.ticks(variant.map_or(own, |variant| variant.scenario.tick_s))
        };
        self.points.iter().map(ticks).collect()
    }

    fn check(&self) -> Result<(), Failure> {
        if self.runs() > RUNS_MAX {
            return Err(format!("{} runs are planned; at most {RUNS_MAX} are accepted", self.runs()));
        }
        let columns = table::table(&[]).columns;
        if self.paths.iter().any(|path| path == "seed") {
            return Err("seed: use --seeds".to_owned());
        }
        if let Some(path) = self.paths.iter().find(|path| columns.iter().any(|column| column.name == **path))
        {
            return Err(format!("{path}: is a column of every sweep, and cannot be varied"));
        }
        for point in &self.points {
            for setting in self.settings_of(point) {
                self.base.check(&setting)?;
            }
        }
        for column in 0..self.paths.len() {
            self.check_field(column)?;
        }
        // What is wrong with every point is no accident of one run.
        match self.points.iter().map(|point| self.base.vary(&self.settings_of(point))).find(Result::is_ok) {
            Some(_) => Ok(()),
            None => self.variant(0).map(drop),
        }
    }

    /// Refuses the first value of a scenario field that neither the scenario takes as it is nor any point with it.
    fn check_field(&self, column: usize) -> Result<(), Failure> {
        let path = &self.paths[column];
        if self.base.is_param(path) {
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        for point in &self.points {
            let value = &point[column];
            if seen.len() == VALUES_CHECKED || !seen.insert(value.to_string()) {
                continue;
            }
            let alone = self.base.vary(&[Setting { path: path.clone(), value: value.clone() }]);
            if let Err(error) = alone.map(drop)
                && !self.has_good_point(column, value)
            {
                let error = error.strip_prefix(&format!("{path}: ")).unwrap_or(&error);
                return Err(format!("{path}={}: {error}", show(value)));
            }
        }
        Ok(())
    }

    /// Whether a point with this value can be flown, among the first that differ in fields of the scenario.
    fn has_good_point(&self, column: usize, value: &Value) -> bool {
        let fields: Vec<usize> =
            (0..self.paths.len()).filter(|column| !self.base.is_param(&self.paths[*column])).collect();
        let mut seen = BTreeSet::new();
        let mut is_new = |point: &Vec<Value>| {
            seen.insert(fields.iter().map(|field| point[*field].to_string()).collect::<Vec<_>>())
        };
        let with = self.points.iter().filter(|point| point[column] == *value);
        let mut tried = with.filter(|point| is_new(point)).take(POINTS_TRIED);
        tried.any(|point| self.base.vary(&self.settings_of(point)).is_ok())
    }

    fn settings_of(&self, point: &[Value]) -> Vec<Setting> {
        let setting = |(path, value): (&String, &Value)| Setting { path: path.clone(), value: value.clone() };
        self.paths.iter().zip(point).map(setting).collect()
    }

    /// How many runs there are, in all shards.
    pub fn runs(&self) -> u64 {
        self.points.len() as u64 * self.seeds.len() as u64
    }

    /// How many points there are.
    pub fn points(&self) -> usize {
        self.points.len()
    }

    /// How many seeds there are.
    pub fn seeds(&self) -> usize {
        self.seeds.len()
    }

    /// Seeds as they were asked for.
    pub fn seeds_text(&self) -> &str {
        &self.seeds_text
    }

    /// Length of a run.
    pub fn ticks(&self, run: u64) -> u64 {
        self.ticks[self.point_of(run)]
    }

    /// Length of every run: in ticks, or in seconds if their ticks are not of the same length.
    pub fn length(&self) -> (&'static str, String) {
        match self.ticks.as_slice() {
            [first, others @ ..] if others.iter().all(|ticks| ticks == first) => ("ticks", first.to_string()),
            _ => ("seconds", self.seconds.to_string()),
        }
    }

    /// Length of a tick, if it is the same in every run.
    pub fn tick_s(&self) -> Option<f64> {
        (!self.varies_tick()).then_some(self.base.scenario().tick_s)
    }

    /// Name of the scenario.
    pub fn scenario_name(&self) -> &str {
        &self.base.scenario().name
    }

    /// The scenario before it is varied.
    pub fn scenario(&self) -> &Arc<Scenario> {
        self.base.scenario()
    }

    /// A command line that gives the same rows.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The paths that are varied, each with what stands in its column.
    pub fn parameters(&self) -> Vec<(&str, Kind)> {
        let kind = |column: usize| {
            let all = |is: fn(&Value) -> bool| self.points.iter().all(|point| is(&point[column]));
            match () {
                () if all(|value| value.is_integer() || value.is_float()) => Kind::Number,
                () if all(Value::is_bool) => Kind::Bool,
                () => Kind::Text,
            }
        };
        self.paths.iter().enumerate().map(|(column, path)| (path.as_str(), kind(column))).collect()
    }

    /// The values of a run, in the order of [`Plan::parameters`].
    pub fn values(&self, run: u64) -> &[Value] {
        &self.points[self.point_of(run)]
    }

    fn point_of(&self, run: u64) -> usize {
        (run / self.seeds.len() as u64) as usize
    }

    /// The seed of a run.
    pub fn seed(&self, run: u64) -> u64 {
        self.seeds[(run % self.seeds.len() as u64) as usize]
    }

    /// Scenario and settings of a run.
    pub fn variant(&self, run: u64) -> Result<Variant, Failure> {
        self.base.vary(&self.settings_of(self.values(run)))
    }

    /// Fingerprint of all that rows depend on, the version of the program included.
    pub fn hash(&self) -> String {
        let mut hash = Hash64::default();
        hash.text(env!("CARGO_PKG_VERSION"));
        hash.text(self.base.scenario().text());
        let (unit, count) = self.length();
        match unit {
            "ticks" => hash.word(self.ticks.first().copied().unwrap_or(0)),
            _ => hash.text(&count),
        }
        self.seeds.iter().for_each(|seed| hash.word(*seed));
        self.paths.iter().for_each(|path| hash.text(path));
        self.points.iter().flatten().for_each(|value| hash.text(&value.to_string()));
        format!("{:016x}", hash.finish())
    }
}

fn read_file(path: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        format!("{}: line {line}: {}", path.display(), error.message())
    })
}

/// A scenario that a plan names: built in, or a file beside the plan.
fn beside(plan: Option<&Path>, name: &str) -> String {
    let file = plan.and_then(Path::parent).map(|folder| folder.join(name));
    match file {
        Some(file) if file.is_file() => file.display().to_string(),
        _ => name.to_owned(),
    }
}

fn seeds_of(value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(seed) => Ok(seed.to_string()),
        Value::Array(seeds) => Ok(seeds.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        other => Err(format!("seeds: {other} is neither a text such as \"1..10\" nor a list of numbers")),
    }
}

/// Seeds as the flag says them.
pub(in crate::cli) fn parse_seeds(text: &str) -> Result<Vec<u64>, Failure> {
    let wrong = || format!("--seeds {text}: must be like 1..100, 7 or 1,5,9");
    let mut seeds = Vec::new();
    for part in text.split(',') {
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        match part.split_once("..") {
            None => seeds.push(number(part)?),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
                if first > last || last - first >= RUNS_MAX {
                    return Err(wrong());
                }
                seeds.extend(first..=last);
            }
        }
    }
    let mut sorted = seeds.clone();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("--seeds {text}: {} is there twice", pair[0])),
        None => Ok(seeds),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::sweep::Shard;
    use crate::cli::{Cli, Command};

    fn plan(words: &[&str]) -> Result<Plan, Failure> {
        let words = ["hmrs", "sweep"].iter().chain(words).chain(&["--out", "rows.csv"]);
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::Sweep(args) => Plan::read(&args).map_err(|stop| match stop {
                Stop::Usage(failure) => failure,
                failed @ Stop::Failed(_) => format!("{failed:?}"),
            }),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn seconds_are_as_many_ticks_as_the_tick_of_each_point_says() {
        let tick = ["--grid", "time.tick_s=0.01,0.02", "--seeds", "1,2"];
        let about = |length: [&str; 2]| {
            let plan = plan(&[&["vicsek"], length.as_slice(), tick.as_slice()].concat()).unwrap();
            let ticks: Vec<u64> = (0..plan.runs()).map(|run| plan.ticks(run)).collect();
            (ticks, table::provenance(&plan, Shard::WHOLE), plan)
        };
        let (ticks, seconds, plan) = about(["--seconds", "10"]);
        assert_eq!(ticks, [1000, 1000, 500, 500]);
        assert_eq!(["seconds", "ticks", "tick_s"].map(|key| seconds.get(key)), [Some("10"), None, None]);
        assert!(plan.command().ends_with("--seeds 1,2 --seconds 10"), "{}", plan.command());
        assert_ne!(plan.hash(), about(["--seconds", "10.001"]).2.hash());
        let (ticks, same, _) = about(["--ticks", "300"]);
        assert_eq!(ticks, [300; 4]);
        assert_eq!(["seconds", "ticks", "tick_s"].map(|key| same.get(key)), [None, Some("300"), None]);
    }

    fn refused(words: &[&str]) -> Failure {
        plan(words).map(|plan| plan.command().to_owned()).unwrap_err()
    }

    #[test]
    fn what_is_a_column_already_is_not_varied() {
        assert_eq!(refused(&["vicsek", "--grid", "seed=5,7"]), "seed: use --seeds");
        for column in ["run", "ticks", "polarization", "error"] {
            let error = refused(&["vicsek", "--grid", &format!("{column}=1,2")]);
            assert!(error.starts_with(&format!("{column}: is a column")), "{error}");
        }
    }

    #[test]
    fn a_value_that_no_run_can_have_is_refused() {
        let count = refused(&["vicsek", "--grid", "drones[0].count=10,-5"]);
        assert!(count.starts_with("drones[0].count=-5: -5 is out of range"), "{count}");
        let colour = refused(&["vicsek", "--grid", "colour=red", "--grid", "metrics.link_m=1,2"]);
        assert_eq!(colour.split(" (").next(), Some("colour=red: is not known here"), "{colour}");
        // Alone each is at odds with 55..100 of the scenario.
        let (low, high) = ("drones[0].battery_pct[0]=10,60", "drones[0].battery_pct[1]=50,70");
        let together = plan(&["hello", "--grid", "metrics.link_m=1:2:2000", "--grid", low, "--grid", high]);
        assert_eq!(together.map(|plan| plan.points()), Ok(8000));
        let apart = refused(&["hello", "--grid", high]);
        assert!(apart.starts_with("drones[0].battery_pct[1]=50: "), "{apart}");
    }

    #[test]
    fn fields_that_are_whole_numbers_get_whole_numbers() {
        let counts = |words: &[&str]| {
            let plan = plan(&[&["vicsek"], words].concat())?;
            Ok::<_, Failure>((0..plan.runs()).map(|run| plan.values(run)[0].clone()).collect::<Vec<_>>())
        };
        let whole = |numbers: [i64; 4]| Ok(numbers.map(Value::Integer).to_vec());
        assert_eq!(counts(&["--grid", "drones[0].count=1:10:4"]), whole([1, 4, 7, 10]));
        assert_eq!(counts(&["--grid", "drones[0].count=1.0,2.0,3,4"]), whole([1, 2, 3, 4]));
        let steps = counts(&["--grid", "drones[0].count=1:50:50"]);
        assert_eq!(steps, Ok((1..=50).map(Value::Integer).collect()));
        let between = counts(&["--grid", "drones[0].count=1:10:3"]).unwrap_err();
        assert_eq!(between, "drones[0].count: 5.5 is among its values, but must be a whole number");
        let sampled = counts(&["--lhs", "50", "--range", "drones[0].count=10.4..12.6"]).unwrap();
        let times = |number: i64| sampled.iter().filter(|value| value.as_integer() == Some(number)).count();
        assert!(times(11) > 10 && times(12) > 10 && times(11) + times(12) == 50, "{sampled:?}");
        let none = counts(&["--lhs", "5", "--range", "drones[0].count=1.2..1.8"]).unwrap_err();
        assert_eq!(none, "range of drones[0].count: there is no whole number from 1.2 to 1.8");
        let speeds = counts(&["--grid", "wind.speed_mps=0:1:3"]).unwrap();
        assert_eq!(speeds, [0.0, 0.5, 1.0].map(Value::Float));
    }

    #[test]
    fn the_command_of_a_plan_gives_the_same_sweep() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a plan.toml");
        let grid =
            "scenario = \"vicsek\"\nseeds = [1, 2]\nseconds = 8\n[grid]\n\"drones[0].count\" = [10, 20]\n";
        let cube = "[latin_hypercube]\npoints = 3\nranges = { \"metrics.link_m\" = [1.0, 2.0] }\n";
        let list = "[[list]]\n\"wind.speed_mps\" = 1\n[[list]]\n\"wind.speed_mps\" = 2\n";
        for (text, names_plan) in [([grid, cube, ""].concat(), false), ([grid, cube, list].concat(), true)] {
            std::fs::write(&file, text).unwrap();
            let more = ["--grid", "limits.separation_m=3,4"];
            let first = plan(&[&["--plan", file.to_str().unwrap()], more.as_slice()].concat()).unwrap();
            let command = first.command().replace(&quoted(file.to_str().unwrap()), "FILE").replace('\'', "");
            let words = command.split(' ').skip(2);
            let words: Vec<&str> =
                words.map(|word| if word == "FILE" { file.to_str().unwrap() } else { word }).collect();
            let again = plan(&words).unwrap();
            assert_eq!((again.hash(), again.command()), (first.hash(), first.command()));
            assert_eq!(command.contains("--plan FILE"), names_plan, "{command}");
        }
    }

    #[test]
    fn seeds_come_as_ranges_and_lists() {
        assert_eq!(parse_seeds("3..5"), Ok(vec![3, 4, 5]));
        assert_eq!(parse_seeds("9, 2..3"), Ok(vec![9, 2, 3]));
        for wrong in ["", "5..3", "a", "1..", "-1", "1,1", "0..99999999999"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }
}
