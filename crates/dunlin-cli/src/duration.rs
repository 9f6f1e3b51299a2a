//! Durations as people type them: `500ms`, `90s`, `10m`, `1h30m`.

use std::time::Duration;

/// Reads a duration; a number needs its unit, since other tools disagree on what a bare one means.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    let fault = || format!("`{text}` is not a duration: write it like 500ms, 90s, 10m or 1h30m");
    let mut rest = trimmed;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(fault());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| fault())?;
        let after = rest[digits..].trim_start();
        let unit = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let milliseconds = match &after[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return Err(format!("`{text}` lacks a unit: write {number}s or {number}ms")),
            _ => return Err(fault()),
        };
        let part = number.checked_mul(milliseconds).ok_or_else(fault)?;
        total = total.checked_add(Duration::from_millis(part)).ok_or_else(fault)?;
        rest = after[unit..].trim_start();
    }
    Ok(total)
}

/// Writes milliseconds the way a person says them.
pub(crate) fn human(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", seconds, milliseconds % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
        assert!(parse("30").unwrap_err().contains("30s"));
        for wrong in ["", "m", "10 parsecs", "-1s", "99999999999999999999s", "9999999999999999d", "1.5s"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn people_read_two_units_at_most() {
        assert_eq!(human(12), "12 ms");
        assert_eq!(human(1_250), "1.2 s");
        assert_eq!(human(61_000), "1 min 1 s");
        assert_eq!(human(3_660_000), "1 h 1 min");
    }
}
