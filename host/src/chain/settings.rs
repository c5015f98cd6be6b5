//! Reads the settings of a native stage or sink key by key, so that every problem names its key and all are told at once.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::scope::Settings;

/// Settings that are being read. [`Keys::finish`] refuses what was not asked for.
pub struct Keys {
    unread: Settings,
    known: Vec<&'static str>,
    problems: Vec<String>,
}

impl Keys {
    /// Begins to read.
    pub fn new(settings: Settings) -> Self {
        Self { unread: settings, known: Vec::new(), problems: Vec::new() }
    }

    /// One key. `None` where it is absent, or of the wrong type, which is then a problem.
    pub fn take<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        self.known.push(key);
        let value = self.unread.remove(key)?;
        T::deserialize(value).map_err(|error| self.refuse(key, &error.to_string())).ok()
    }

    /// One key that must lie in a range; `default` where it is absent.
    pub fn number(&mut self, key: &'static str, range: std::ops::RangeInclusive<i64>, default: i64) -> i64 {
        let Some(number) = self.take(key) else { return default };
        if !range.contains(&number) {
            let (low, high) = range.into_inner();
            self.refuse(key, &format!("{number} is not within {low} to {high}"));
            return default;
        }
        number
    }

    /// Notes what is wrong with a key.
    pub fn refuse(&mut self, key: &str, problem: &str) {
        self.problems.push(format!("`{key}`: {problem}"));
    }

    /// Errs with every problem there was, unknown keys included.
    pub fn finish(mut self) -> Result<(), String> {
        let known = match self.known.as_slice() {
            [] => "there are none".to_owned(),
            known => {
                format!("known are {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "))
            }
        };
        for key in self.unread.keys() {
            let key = Value::from(key.as_str());
            self.problems.push(format!("unknown key {key}: {known}"));
        }
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(json: &str) -> Keys {
        Keys::new(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn every_problem_is_told_with_its_key() {
        let mut keys = keys(r#"{"level": 10, "host": 1, "colour": "red", "size": 3}"#);
        assert_eq!(keys.number("level", -2..=9, 1), 1);
        assert_eq!(keys.take::<String>("host"), None);
        assert_eq!(keys.take::<u8>("size"), Some(3));
        let error = keys.finish().unwrap_err();
        assert_eq!(
            error,
            "`level`: 10 is not within -2 to 9; `host`: invalid type: number, expected a string; \
             unknown key \"colour\": known are `level`, `host`, `size`"
                .replace("number, ", "integer `1`, ")
        );
    }

    #[test]
    fn numbers_at_their_bounds() {
        for (json, expect) in
            [("-2", Ok(-2)), ("9", Ok(9)), ("-3", Err(())), ("10", Err(())), ("1.5", Err(()))]
        {
            let mut keys = keys(&format!("{{\"n\": {json}}}"));
            let number = keys.number("n", -2..=9, 1);
            assert_eq!(keys.finish().map(|()| number).map_err(drop), expect, "{json}");
        }
    }

    #[test]
    fn a_stage_without_settings_says_so() {
        assert_eq!(keys(r#"{"x": 1}"#).finish().unwrap_err(), "unknown key \"x\": there are none");
        assert_eq!(keys("{}").finish(), Ok(()));
    }
}
