//! Type modifiers: `atttypmod` as the text between the parentheses, as `format_type` writes it.

/// Gives the modifiers of a built-in type.
pub(super) fn of_builtin(name: &str, modifier: i32) -> Option<String> {
    if modifier < 0 {
        return None;
    }
    match name {
        // The header of a variable-length value is counted in.
        "varchar" | "bpchar" => Some((modifier - 4).to_string()),
        "numeric" => Some(numeric(modifier - 4)),
        "interval" => interval(modifier),
        _ => Some(modifier.to_string()),
    }
}

/// Takes the modifiers out of what `format_type` gave for a type that is not built in.
pub(super) fn of_formatted(formatted: &str) -> Option<String> {
    let inner = formatted.trim_end_matches("[]").strip_suffix(')')?;
    inner.rfind('(').map(|open| inner[open + 1..].to_owned())
}

/// The scale may be negative since PostgreSQL 15: eleven bits in two's complement.
fn numeric(packed: i32) -> String {
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    format!("{},{scale}", (packed >> 16) & 0xffff)
}

/// The fields are a bit mask (`INTERVAL_MASK` of `utils/timestamp.h`), the precision is 0xffff where none is given.
fn interval(modifier: i32) -> Option<String> {
    const MONTH: i32 = 1 << 1;
    const YEAR: i32 = 1 << 2;
    const DAY: i32 = 1 << 3;
    const HOUR: i32 = 1 << 10;
    const MINUTE: i32 = 1 << 11;
    const SECOND: i32 = 1 << 12;
    const FIELDS: [(i32, &str); 13] = [
        (YEAR, "year"),
        (MONTH, "month"),
        (DAY, "day"),
        (HOUR, "hour"),
        (MINUTE, "minute"),
        (SECOND, "second"),
        (YEAR | MONTH, "year to month"),
        (DAY | HOUR, "day to hour"),
        (DAY | HOUR | MINUTE, "day to minute"),
        (DAY | HOUR | MINUTE | SECOND, "day to second"),
        (HOUR | MINUTE, "hour to minute"),
        (HOUR | MINUTE | SECOND, "hour to second"),
        (MINUTE | SECOND, "minute to second"),
    ];
    let mask = (modifier >> 16) & 0x7fff;
    let fields = FIELDS.iter().find(|(bits, _)| *bits == mask).map_or("", |(_, fields)| fields);
    match (fields, modifier & 0xffff) {
        ("", 0xffff) => None,
        ("", precision) => Some(precision.to_string()),
        (fields, 0xffff) => Some(fields.to_owned()),
        (fields, precision) => Some(format!("{fields}({precision})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_are_unpacked() {
        assert_eq!(of_builtin("varchar", 24).as_deref(), Some("20"));
        assert_eq!(of_builtin("numeric", ((10 << 16) | 2) + 4).as_deref(), Some("10,2"));
        assert_eq!(of_builtin("numeric", ((3 << 16) | (2048 - 2)) + 4).as_deref(), Some("3,-2"));
        assert_eq!(of_builtin("timestamptz", 3).as_deref(), Some("3"));
        assert_eq!(of_builtin("text", -1), None);
        assert_eq!(of_builtin("interval", (0x1c08 << 16) | 3).as_deref(), Some("day to second(3)"));
        assert_eq!(of_builtin("interval", (0x7fff << 16) | 0xffff), None);
        assert_eq!(of_formatted("gis.geometry(Point,4326)[]").as_deref(), Some("Point,4326"));
        assert_eq!(of_formatted("app.mood"), None);
    }
}
