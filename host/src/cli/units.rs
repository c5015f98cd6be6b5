//! Figures for people: short, and of about three digits.

/// Bytes, in steps of 1024: `7 B`, `1.5 KiB`.
pub(super) fn bytes(bytes: u64) -> String {
    bytes_f(as_f64(bytes))
}

/// The same of a mean.
pub(super) fn bytes_f(bytes: f64) -> String {
    let (mut rest, mut unit) = (bytes, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if rest < 999.5 {
            break;
        }
        (rest, unit) = (rest / 1024.0, next);
    }
    if unit == "B" { format!("{rest:.0} B") } else { format!("{} {unit}", short(rest)) }
}

/// A count a second: `0`, `0.25`, `12.3`, `1240`.
pub(super) fn rate(rate: f64) -> String {
    if rate == 0.0 { "0".to_owned() } else { short(rate) }
}

/// A time: `640 us`, `1.25 ms`, `3.40 s`.
pub(super) fn time_us(us: u64) -> String {
    time_us_f(as_f64(us))
}

/// The same of a mean.
pub(super) fn time_us_f(us: f64) -> String {
    match us {
        us if us < 999.5 => format!("{us:.0} us"),
        us if us < 999_500.0 => format!("{} ms", short(us / 1e3)),
        us => format!("{} s", short(us / 1e6)),
    }
}

fn short(figure: f64) -> String {
    match figure {
        figure if figure < 9.995 => format!("{figure:.2}"),
        figure if figure < 99.95 => format!("{figure:.1}"),
        figure => format!("{figure:.0}"),
    }
}

#[allow(clippy::cast_precision_loss, reason = "three digits of it are shown")]
pub(super) fn as_f64(figure: u64) -> f64 {
    figure as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let given = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "0.98 KiB"),
            (10 << 20, "10.0 MiB"),
            (u64::MAX, "16777216 TiB"),
        ];
        for (figure, shown) in given {
            assert_eq!(bytes(figure), shown);
        }
        for (figure, shown) in [(0.0, "0"), (0.25, "0.25"), (9.999, "10.0"), (1240.4, "1240")] {
            assert_eq!(rate(figure), shown);
        }
        for (figure, shown) in
            [(640, "640 us"), (1250, "1.25 ms"), (999_600, "1.00 s"), (61_000_000, "61.0 s")]
        {
            assert_eq!(time_us(figure), shown);
        }
    }
}
