//! The comparison of constants: which texts are the same value of a type.

use super::Sameness::{self, Different, Same, Unknown};
use super::compare::{Pair, beyond, casts};
use super::term::{Const, Type, boolean_text, number_text};

/// Compares two constants with the casts around them, from the inside out.
pub(super) fn pair(a: &Const, a_casts: &[&Type], b: &Const, b_casts: &[&Type]) -> Pair {
    match (a, b) {
        (Const::Text(x), Const::Text(y)) => Pair::of(texts(x, a_casts, y, b_casts)),
        (Const::Number(x), Const::Number(y)) => {
            let mut casts = numeric_casts(a_casts, b_casts);
            // `1e3` and `0.5` are of type numeric without being told.
            casts.widened &= x.parse::<i128>().is_ok() && y.parse::<i128>().is_ok();
            Pair { sameness: numbers(x, y).and(casts.sameness), ..casts }
        }
        (Const::Bool(x), Const::Bool(y)) if x != y => Pair::of(Different),
        (Const::Null, Const::Null) | (Const::Bool(_), Const::Bool(_)) => {
            Pair::of(same_casts(a_casts, b_casts))
        }
        (Const::Bits(x), Const::Bits(y)) if x == y => Pair::of(same_casts(a_casts, b_casts)),
        (Const::Bits(bits), Const::Text(text)) => Pair::of(bit_text(bits, a_casts, text, b_casts)),
        (Const::Text(text), Const::Bits(bits)) => Pair::of(bit_text(bits, b_casts, text, a_casts)),
        (Const::Text(text), other) if a_casts.is_empty() => untyped(text, other),
        (other, Const::Text(text)) if b_casts.is_empty() => untyped(text, other),
        _ if a.is_null() != b.is_null() => Pair::of(Different),
        _ => Pair::of(Unknown),
    }
}

/// `B'101'` is written back as `'101'::"bit"`.
fn bit_text(bits: &str, bit_casts: &[&Type], text: &str, casts: &[&Type]) -> Sameness {
    let same = bit_casts.is_empty()
        && matches!(casts, [ty] if ty.is("bit") && ty.modifiers.is_empty())
        && bits.strip_prefix(['b', 'B']) == Some(text);
    if same { Same } else { Unknown }
}

/// A string without a type, next to a value that has one: `'5'` and `5`.
fn untyped(text: &str, other: &Const) -> Pair {
    let sameness = match other {
        Const::Null => Different,
        Const::Bool(flag) => boolean_text(text).map_or(Unknown, |value| equal(value == *flag)),
        Const::Number(number) => number_text(text).map_or(Unknown, |text| numbers(&text, number)),
        Const::Text(_) | Const::Bits(_) => Unknown,
    };
    Pair { read: true, ..Pair::of(sameness) }
}

fn equal(same: bool) -> Sameness {
    if same { Same } else { Different }
}

fn numbers(a: &str, b: &str) -> Sameness {
    if plain(a) == plain(b) {
        return Same;
    }
    let integer = |text: &str| text.parse::<i128>().ok();
    match (integer(a), integer(b)) {
        (Some(x), Some(y)) => return equal(x == y),
        // Hexadecimal and the like.
        _ if a.contains(['x', 'X', 'o', 'O', 'b', 'B']) || b.contains(['x', 'X', 'o', 'O', 'b', 'B']) => {
            return Unknown;
        }
        _ => {}
    }
    // 1.0 and 1.00 are equal, but as numeric they do not look it.
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) if (x - y).abs() > f64::EPSILON * x.abs().max(y.abs()) * 4.0 => Different,
        _ => Unknown,
    }
}

/// Writes a number without exponent and underscores, with the decimals it has as a `numeric`.
fn plain(text: &str) -> String {
    let text = text.replace('_', "").to_ascii_lowercase();
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    match exponent.parse::<usize>() {
        // A larger one is no number that anybody writes down.
        Ok(exponent) if exponent < 40 && exponent >= fraction.len() => {
            format!("{whole}{fraction}{}", "0".repeat(exponent - fraction.len()))
        }
        _ => text,
    }
}

/// The type of a number is worked out from what it stands beside, when only one side has one.
fn numeric_casts(a: &[&Type], b: &[&Type]) -> Pair {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    match (short, long) {
        ([], [one]) if one.is_number() && one.modifiers.is_empty() => {
            Pair { widened: true, ..Pair::of(Same) }
        }
        _ => casts(a, b),
    }
}

fn same_casts(a: &[&Type], b: &[&Type]) -> Sameness {
    if a == b || a.is_empty() || b.is_empty() { Same } else { Unknown }
}

fn texts(x: &str, a: &[&Type], y: &str, b: &[&Type]) -> Sameness {
    if x == y {
        return text_casts(x, a, b);
    }
    // The type that reads the text is the innermost.
    match (a.first(), b.first()) {
        (Some(a_type), Some(b_type)) if a_type == b_type => {
            values(x, y, Some(a_type)).and(same_text_tail(a, b))
        }
        (Some(a_type), Some(b_type)) if a_type.is_text() && b_type.is_text() => values(x, y, Some(a_type)),
        (Some(ty), None) | (None, Some(ty)) => values(x, y, Some(ty)),
        (None, None) => values(x, y, None),
        _ => Unknown,
    }
}

fn same_text_tail(a: &[&Type], b: &[&Type]) -> Sameness {
    let tail = |casts: &[&Type]| casts[1..].iter().all(|ty| ty.is_text());
    if a == b || (tail(a) && tail(b)) { Same } else { Unknown }
}

/// The first cast of a string only says what it is; the server writes it always, people seldom.
fn text_casts(text: &str, a: &[&Type], b: &[&Type]) -> Sameness {
    if a == b {
        return Same;
    }
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    // A string becomes the type that a domain is over before it becomes the domain.
    if let [_, rest @ ..] = long
        && !short.is_empty()
        && beyond(short, rest).is_some_and(<[_]>::is_empty)
    {
        return Same;
    }
    let Some(extra) = beyond(short, long) else { return Unknown };
    let first = short.is_empty();
    let fits = |ty: &Type| ty.modifiers.is_empty() || (ty.is_text() && length(ty) >= text.chars().count());
    let fine = |(at, ty): (usize, &&Type)| {
        if at == 0 && first { fits(ty) } else { ty.is_text() && ty.modifiers.is_empty() }
    };
    if extra.iter().enumerate().all(fine) { Same } else { Unknown }
}

fn length(ty: &Type) -> usize {
    ty.modifiers.first().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Compares two texts that are not equal, as values of a type.
fn values(x: &str, y: &str, ty: Option<&Type>) -> Sameness {
    let Some(ty) = ty else { return if words_differ(x, y) { Different } else { Unknown } };
    if ty.array {
        return Unknown;
    }
    match ty.last() {
        "text" | "varchar" | "name" if ty.is_text() => Different,
        "bpchar" => equal(x.trim_end_matches(' ') == y.trim_end_matches(' ')),
        "json" => Unknown,
        "jsonb" => json(x, y),
        "interval" if ty.modifiers.is_empty() => match (interval(x), interval(y)) {
            (Some(a), Some(b)) => equal(a == b),
            _ => Unknown,
        },
        "uuid" if x.len() == 36 && y.len() == 36 => equal(x.eq_ignore_ascii_case(y)),
        "regclass" | "regproc" | "regtype" | "regrole" | "regnamespace" => object(x, y),
        _ if words_differ(x, y) => Different,
        _ => Unknown,
    }
}

/// Two plain words that are not two spellings of a truth value: no type takes them for the same.
fn words_differ(x: &str, y: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
            && boolean_text(text).is_none()
            // Dates and numbers have words of their own: now, today, inf, infinity.
            && !["now", "today", "epoch", "allballs", "inf", "infinity"].contains(&&*text.to_ascii_lowercase())
    };
    word(x) && word(y) && !x.eq_ignore_ascii_case(y)
}

fn json(x: &str, y: &str) -> Sameness {
    fn floats(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Number(number) => number.is_f64(),
            serde_json::Value::Array(list) => list.iter().any(floats),
            serde_json::Value::Object(map) => map.values().any(floats),
            _ => false,
        }
    }
    match (serde_json::from_str::<serde_json::Value>(x), serde_json::from_str::<serde_json::Value>(y)) {
        // jsonb keeps 1.0 apart from 1.00, and more digits than we do.
        (Ok(a), Ok(b)) if floats(&a) || floats(&b) => Unknown,
        (Ok(a), Ok(b)) => equal(a == b),
        _ => Unknown,
    }
}

/// The name of an object in a string: `'seq'` and `'public.seq'`.
fn object(x: &str, y: &str) -> Sameness {
    match (dotted(x), dotted(y)) {
        (Some(a), Some(b)) => super::compare::same_name(&a, &b),
        _ => Unknown,
    }
}

fn dotted(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"')?;
                (quoted[..end].to_owned(), &quoted[end + 1..])
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].to_ascii_lowercase(), &rest[end..])
            }
        };
        if part.is_empty() || part.contains([' ', '(', '"']) {
            return None;
        }
        parts.push(part);
        match after.strip_prefix('.') {
            Some(more) => rest = more,
            None => return after.is_empty().then_some(parts),
        }
    }
}

/// Reads the plain forms of an interval: months, days and microseconds.
fn interval(text: &str) -> Option<(i64, i64, i64)> {
    let mut total = (0_i64, 0_i64, 0_i64);
    let mut words = text.split_whitespace().peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        if word.contains(':') {
            total.2 = total.2.checked_add(clock(word)?)?;
            continue;
        }
        let count: i64 = word.parse().ok()?;
        let unit = words.next()?.to_ascii_lowercase();
        // `ms` is no minute.
        let unit = if unit == "ms" { "millisecond" } else { unit.strip_suffix('s').unwrap_or(&unit) };
        let (part, size) = match unit {
            "millennium" | "millennia" => (0, 12_000),
            "century" | "centurie" => (0, 1200),
            "decade" => (0, 120),
            "year" | "yr" | "y" => (0, 12),
            "month" | "mon" => (0, 1),
            "week" | "w" => (1, 7),
            "day" | "d" => (1, 1),
            "hour" | "hr" | "h" => (2, 3_600_000_000),
            "minute" | "min" | "m" => (2, 60_000_000),
            "second" | "sec" | "" => (2, 1_000_000),
            "millisecond" | "msec" => (2, 1000),
            _ => return None,
        };
        let slot = [&mut total.0, &mut total.1, &mut total.2].into_iter().nth(part)?;
        *slot = slot.checked_add(count.checked_mul(size)?)?;
    }
    Some(total)
}

/// Reads `HH:MM:SS` without a fraction, as microseconds.
fn clock(word: &str) -> Option<i64> {
    let (sign, word) = match word.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, word),
    };
    let parts: Vec<i64> =
        word.split(':').map(|part| part.parse().ok().filter(|n| *n >= 0)).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts.as_slice() else { return None };
    let seconds = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(*seconds)?;
    seconds.checked_mul(1_000_000 * sign)
}
