//! The scenarios that come with the program.

/// Names and texts of the built-in scenarios, the default first.
pub fn list() -> &'static [(&'static str, &'static str)] {
    &[
        ("hello", include_str!("../../scenarios/hello.toml")),
        ("flock", include_str!("../../scenarios/flock.toml")),
        ("thousand", include_str!("../../scenarios/thousand.toml")),
        ("vicsek", include_str!("../../scenarios/vicsek.toml")),
        ("couzin", include_str!("../../scenarios/couzin.toml")),
        ("lattice", include_str!("../../scenarios/lattice.toml")),
        ("vasarhelyi", include_str!("../../scenarios/vasarhelyi.toml")),
        ("boids_abm", include_str!("../../scenarios/boids_abm.toml")),
        ("facade", include_str!("../../scenarios/facade.toml")),
        ("campus", include_str!("../../scenarios/campus.toml")),
        ("storm", include_str!("../../scenarios/storm.toml")),
    ]
}

/// The text of a built-in scenario.
pub fn text(name: &str) -> Option<&'static str> {
    list().iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use super::*;

    #[test]
    fn every_built_in_scenario_is_valid_and_bears_its_name() {
        for (name, text) in list() {
            let scenario = Scenario::parse(text).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
            assert_eq!(scenario.name, *name);
        }
        assert!(text("hello").is_some() && text("nothing").is_none());
    }
}
