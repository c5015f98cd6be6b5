//! Sizes and durations with their units, as people write them: `"25MiB"`, `"16KiB"`, `"100ms"`, `"5m"`, `"90d"`.
//!
//! A plain number is refused: nobody can tell what it counts.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A size in bytes, written `"25MiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteSize(pub u64);

/// Why a size or duration cannot be read. For people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(String);

/// How often something may happen, written `"60/1m"`: a token bucket of `count` that fills up in `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Most at once; at least 1.
    pub count: u32,
    /// How long it takes until as many may happen again; at least a second.
    pub per: Duration,
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = || {
            UnitError(format!(
                "\"{}\" is no rate: write for example \"60/1m\" or \"none\"",
                text.escape_debug()
            ))
        };
        let (count, per) = text.split_once('/').ok_or_else(refuse)?;
        let per = parse_duration(per)?;
        let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(refuse)?;
        if per < Duration::from_secs(1) || per > Duration::from_secs(86_400) {
            return Err(UnitError(format!("\"{}\": a rate is told per 1s to 1d", text.escape_debug())));
        }
        Ok(Self { count, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, format_duration(self.per))
    }
}

/// Units of sizes and how many bytes they are, small first.
const SIZES: [(&str, u64); 5] =
    [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// Units of durations and how many milliseconds they are, small first.
const DURATIONS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl ByteSize {
    /// As a `usize`, for buffers; saturates.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse(text, &SIZES, "a size", "\"25MiB\" (B, KiB, MiB, GiB, TiB)").map(Self)
    }
}

/// Reads `"100ms"`, `"30s"`, `"5m"`, `"1h"` or `"90d"`.
///
/// # Errors
/// Not a whole number with one of these units, or more milliseconds than a `u64` holds.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    parse(text, &DURATIONS, "a duration", "\"30s\" (ms, s, m, h, d)").map(Duration::from_millis)
}

/// Writes a duration with the largest unit that divides it. Below a millisecond nothing is written.
pub fn format_duration(duration: Duration) -> String {
    format(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &DURATIONS, "s")
}

fn parse(text: &str, units: &[(&str, u64)], what: &str, example: &str) -> Result<u64, UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let fail = |why: &str| Err(UnitError(format!("\"{}\" {why}", text.escape_debug())));
    if digits == 0 {
        return fail(&format!("is not {what}: write a whole number and a unit, for example {example}"));
    }
    if unit.is_empty() {
        return fail(&format!("is {what} without its unit: say a unit, for example {example}"));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return fail(&format!(
            "has the unknown unit `{}`: expected {what} such as {example}",
            unit.escape_debug()
        ));
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor)) {
        Some(value) => Ok(value),
        None => fail("is too large"),
    }
}

/// `zero_unit`: what stands behind a 0, which all units divide.
fn format(value: u64, units: &[(&str, u64)], zero_unit: &str) -> String {
    if value == 0 {
        return format!("0{zero_unit}");
    }
    let (name, factor) =
        units.iter().rev().find(|(_, factor)| value.is_multiple_of(*factor)).unwrap_or(&units[0]);
    format!("{}{name}", value / factor)
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format(self.0, &SIZES, "B"))
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// For `#[serde(with = "units::duration")]`: durations as people write them.
pub mod duration {
    use super::{Deserialize, Deserializer, Duration, Serializer, format_duration, parse_duration};

    /// As [`format_duration`].
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(*duration))
    }

    /// As [`parse_duration`].
    ///
    /// # Errors
    /// Not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        parse_duration(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        let size = |text: &str| text.parse::<ByteSize>().map(|size| size.0).map_err(|e| e.to_string());
        assert_eq!(size("25MiB"), Ok(25 << 20));
        assert_eq!(size("512B"), Ok(512));
        assert_eq!(size("16 KiB"), Ok(16 << 10));
        assert_eq!(size("16777215TiB"), Ok(16_777_215 << 40));
        assert_eq!(size("16777216TiB"), Err("\"16777216TiB\" is too large".into()));
        assert_eq!(
            size("25").unwrap_err(),
            "\"25\" is a size without its unit: say a unit, for example \"25MiB\" (B, KiB, MiB, GiB, TiB)"
        );
        for bad in ["", "MiB", "-1MiB", "1.5MiB", "25MB", "25mib", "25 M iB", "0x10B", "25MiB "] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations() {
        let ms = |text: &str| parse_duration(text).map(|d| d.as_millis()).map_err(|e| e.to_string());
        assert_eq!(
            (ms("100ms"), ms("30s"), ms("5m"), ms("1h")),
            (Ok(100), Ok(30_000), Ok(300_000), Ok(3_600_000))
        );
        assert_eq!(
            (ms("90d"), format_duration(Duration::from_secs(172_800))),
            (Ok(7_776_000_000), "2d".into())
        );
        assert!(ms("30").unwrap_err().contains("say a unit"));
        assert!(ms("30S").unwrap_err().contains("unknown unit `S`"));
        assert!(ms("99999999999999999999s").unwrap_err().contains("too large"));
        assert_eq!(format_duration(Duration::from_secs(90)), "90s");
        assert_eq!(format_duration(Duration::from_secs(120)), "2m");
        assert_eq!(format_duration(Duration::ZERO), "0s");
    }

    #[test]
    fn rates() {
        let rate = |text: &str| text.parse::<Rate>().map(|rate| rate.to_string()).map_err(|e| e.to_string());
        assert_eq!(rate("60/1m"), Ok("60/1m".into()));
        assert_eq!((rate("1/1s"), rate("4294967295/1d")), (Ok("1/1s".into()), Ok("4294967295/1d".into())));
        for bad in
            ["", "60", "60/", "/1m", "0/1m", "-1/1m", "4294967296/1m", "60/60", "60/999ms", "60/25h", "6 /1m"]
        {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn json_carries_the_text() {
        assert_eq!(serde_json::to_string(&ByteSize(16 << 10)).unwrap(), "\"16KiB\"");
        assert_eq!(serde_json::from_str::<ByteSize>("\"16KiB\"").unwrap(), ByteSize(16 << 10));
        assert!(serde_json::from_str::<ByteSize>("16384").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes: u64, shift in 0..64u32, ms: u64) {
            let size = ByteSize(bytes >> shift << (shift / 2));
            prop_assert_eq!(size.to_string().parse(), Ok(size));
            let duration = Duration::from_millis(ms >> shift);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "[0-9]{0,22}.{0,6}|\\PC{0,12}") {
            let _ = (text.parse::<ByteSize>(), parse_duration(&text));
        }
    }
}
