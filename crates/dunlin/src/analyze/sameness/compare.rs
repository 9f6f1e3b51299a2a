//! The comparison of two trees in normal form.

use super::Sameness::{self, Different, Same, Unknown};
use super::constant;
use super::term::{Const, Term, Type, walk};

/// How a comparison goes about names that cannot be resolved without a catalog.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparer {
    /// Whether there is only one source of columns, so that what qualifies a column says nothing.
    pub(super) one_source: bool,
}

/// What two terms in the same place are to each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) sameness: Sameness,
    /// One of them has a cast to a wider type of number or time that the server could have added.
    pub(super) widened: bool,
    /// One of them has a cast to text that the server could have added.
    pub(super) texted: bool,
    /// One is a string without a type, the other one a number or truth value.
    pub(super) read: bool,
}

impl Pair {
    pub(super) fn of(sameness: Sameness) -> Pair {
        Pair { sameness, widened: false, texted: false, read: false }
    }

    fn and(self, other: Pair) -> Pair {
        Pair {
            sameness: self.sameness.and(other.sameness),
            widened: self.widened || other.widened,
            texted: self.texted || other.texted,
            read: self.read || other.read,
        }
    }
}

/// Compares two trees: different only where they do not even consist of the same parts.
pub(super) fn terms(a: &Term, b: &Term) -> Sameness {
    let one_source = !has_subquery(a) && !has_subquery(b);
    let found = Comparer { one_source }.term(a, b);
    // The same parts in another order, as in `a = b` and `b = a`, may mean the same.
    if found == Different && parts(a) == parts(b) { Unknown } else { found }
}

fn has_subquery(term: &Term) -> bool {
    let mut found = false;
    walk(term, &mut |term| found |= matches!(term, Term::Node(kind, _) if kind == "SubLink"));
    found
}

/// Collects columns, constants, functions and operators, sorted.
fn parts(term: &Term) -> Vec<String> {
    let last = |name: &[String]| name.last().cloned().unwrap_or_default();
    let mut all = Vec::new();
    walk(term, &mut |term| match term {
        Term::Column(name) => all.push(format!("column {}", last(name))),
        Term::Call(name, ..) => all.push(format!("call {}", last(name))),
        Term::Const(value) => all.push(format!("{value:?}")),
        Term::Op(_, name, args) => all.push(match (last(name).as_str(), args.as_slice()) {
            // `a < b` and `b > a` are one part, `a > b` is another one.
            (">", [a, b]) => format!("< {:?} {:?}", first(b), first(a)),
            (">=", [a, b]) => format!("<= {:?} {:?}", first(b), first(a)),
            (name @ ("<" | "<="), [a, b]) => format!("{name} {:?} {:?}", first(a), first(b)),
            (name, _) => name.to_owned(),
        }),
        Term::Node(kind, fields) if matches!(kind.as_str(), "NullTest" | "BooleanTest") => {
            all.extend(
                fields.iter().filter(|(name, _)| is_test(kind, name)).map(|field| format!("{field:?}")),
            );
        }
        _ => {}
    });
    all.sort();
    all
}

/// Gives the first constant or column of a term.
fn first(term: &Term) -> Option<&Term> {
    match term {
        Term::Const(_) | Term::Column(_) => Some(term),
        Term::Cast(inner, _) | Term::Not(inner) => first(inner),
        Term::Call(_, _, list) | Term::Op(_, _, list) | Term::Bool(_, list) | Term::Array(list) => {
            list.first().and_then(first)
        }
        _ => None,
    }
}

impl Comparer {
    /// Compares two whole expressions.
    pub(super) fn term(self, a: &Term, b: &Term) -> Sameness {
        let pair = self.pair(a, b);
        if pair.widened && !both_constant(a, b) { pair.sameness.and(Unknown) } else { pair.sameness }
    }

    fn pair(self, a: &Term, b: &Term) -> Pair {
        let ((a, a_casts), (b, b_casts)) = (peel(a), peel(b));
        if let (Term::Const(a), Term::Const(b)) = (a, b) {
            return constant::pair(a, &a_casts, b, &b_casts);
        }
        let inner = match (a, b) {
            (Term::Array(a), Term::Array(b)) => self.array(a, b),
            _ => Pair::of(self.bare(a, b)),
        };
        inner.and(casts(&a_casts, &b_casts))
    }

    /// Compares two terms that are no casts, and not both constants.
    fn bare(self, a: &Term, b: &Term) -> Sameness {
        match (a, b) {
            (Term::Column(a), Term::Column(b)) => self.column(a, b),
            (Term::Call(f, a_rest, a), Term::Call(g, b_rest, b)) => {
                let arguments = self.arguments(a, b);
                same_name(f, g).and(self.term(a_rest, b_rest)).and(arguments)
            }
            (Term::Op(a_kind, a_name, a), Term::Op(b_kind, b_name, b)) => {
                if a_kind != b_kind || a.len() != b.len() {
                    return Unknown;
                }
                same_name(a_name, b_name).and(self.operands(a, b))
            }
            (Term::Bool(a_kind, a), Term::Bool(b_kind, b)) if a_kind == b_kind => self.all(a, b),
            (Term::Not(a), Term::Not(b)) => self.term(a, b),
            (Term::Name(a), Term::Name(b)) => same_name(a, b),
            (Term::Type(a), Term::Type(b)) => same_type(a, b),
            (Term::Node(a_kind, a), Term::Node(b_kind, b)) if a_kind == b_kind => self.fields(a_kind, a, b),
            (Term::List(a), Term::List(b)) => self.all(a, b),
            (Term::Leaf(a), Term::Leaf(b)) if a == b => Same,
            _ => Unknown,
        }
    }

    fn column(self, a: &[String], b: &[String]) -> Sameness {
        if a == b {
            return Same;
        }
        if a.last() != b.last() {
            // `*` stands for columns that are not known here.
            let star = [a.last(), b.last()].into_iter().flatten().any(|name| name == "*");
            return if star { Unknown } else { Different };
        }
        let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
        if !long.ends_with(short) {
            // An alias on one side is no difference by itself.
            return Unknown;
        }
        // `s.t.c` and `t.c` say the same; `c` alone only where it can come from nowhere else.
        if short.len() > 1 || self.one_source { Same } else { Unknown }
    }

    /// The arguments of a function: each choice of overload shows in a cast, so a cast counts.
    fn arguments(self, a: &[Term], b: &[Term]) -> Sameness {
        if a.len() != b.len() {
            return Unknown;
        }
        a.iter().zip(b).fold(Same, |all, (a, b)| all.and(self.term(a, b)))
    }

    /// Operands that the server brings to one type: a cast of all of them is not the server's.
    fn operands(self, a: &[Term], b: &[Term]) -> Sameness {
        if a.len() != b.len() {
            return Unknown;
        }
        let pairs: Vec<Pair> = a.iter().zip(b).map(|(a, b)| self.pair(a, b)).collect();
        let all = pairs.iter().fold(Pair::of(Same), |all, pair| all.and(*pair));
        // `id::text = '1'` is not `id = 1`.
        let misread = all.read && all.texted;
        // Something must have made the server cast: what is not cast, and more than a plain integer.
        let reason = pairs
            .iter()
            .zip(a.iter().zip(b))
            .any(|(pair, (a, b))| !(pair.widened || plain_integer(a) && plain_integer(b)));
        if misread || (all.widened && !reason) { all.sameness.and(Unknown) } else { all.sameness }
    }

    fn array(self, a: &[Term], b: &[Term]) -> Pair {
        let constant = |term: &Term| matches!(peel(term).0, Term::Const(_));
        if a.len() != b.len() {
            return Pair::of(if a.iter().chain(b).all(constant) { Different } else { Unknown });
        }
        a.iter().zip(b).fold(Pair::of(Same), |all, (a, b)| all.and(self.pair(a, b)))
    }

    fn all(self, a: &[Term], b: &[Term]) -> Sameness {
        if a.len() != b.len() {
            return Unknown;
        }
        a.iter().zip(b).fold(Same, |all, (a, b)| all.and(self.term(a, b)))
    }

    fn fields(self, kind: &str, a: &[(String, Term)], b: &[(String, Term)]) -> Sameness {
        if a.len() != b.len() {
            return Unknown;
        }
        // What COALESCE and the like take is brought to one type, as operands are.
        let operands = matches!(kind, "CoalesceExpr" | "MinMaxExpr" | "Row");
        a.iter().zip(b).fold(Same, |all, ((a_name, a), (b_name, b))| {
            if a_name != b_name {
                return all.and(Unknown);
            }
            match (a, b) {
                (Term::List(a), Term::List(b)) if operands => all.and(self.operands(a, b)),
                // NULL and NOT NULL, TRUE and FALSE: the same test but for its sense.
                (Term::Leaf(a), Term::Leaf(b)) if a != b && is_test(kind, a_name) => all.and(Different),
                (a, b) => all.and(self.term(a, b)),
            }
        })
    }
}

fn is_test(kind: &str, field: &str) -> bool {
    matches!((kind, field), ("NullTest", "nulltesttype") | ("BooleanTest", "booltesttype"))
}

fn both_constant(a: &Term, b: &Term) -> bool {
    matches!((peel(a).0, peel(b).0), (Term::Const(_), Term::Const(_)))
}

/// Takes casts off; gives them from the inside out.
fn peel(term: &Term) -> (&Term, Vec<&Type>) {
    let (mut term, mut casts) = (term, Vec::new());
    while let Term::Cast(inner, ty) = term {
        casts.push(ty);
        term = inner;
    }
    casts.reverse();
    (term, casts)
}

/// Compares the casts around equal terms: the server adds some, and only outside of those that are written.
pub(super) fn casts(a: &[&Type], b: &[&Type]) -> Pair {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let Some(extra) = beyond(short, long) else { return Pair::of(Unknown) };
    let plain = extra.iter().all(|ty| ty.modifiers.is_empty());
    let text = extra.iter().all(|ty| ty.is_text());
    match extra {
        [] => Pair::of(Same),
        _ if plain && text => Pair { texted: true, ..Pair::of(Same) },
        _ if plain && extra.iter().all(|ty| ty.is_text() || widens(ty)) => {
            Pair { widened: true, ..Pair::of(Same) }
        }
        _ => Pair::of(Unknown),
    }
}

/// Gives what the longer list of casts has beyond the shorter one, when it begins with the same.
pub(super) fn beyond<'a, 'b>(short: &[&Type], long: &'a [&'b Type]) -> Option<&'a [&'b Type]> {
    let (head, extra) = long.split_at_checked(short.len())?;
    head.iter().zip(short).all(|(a, b)| same_type(a, b) == Same).then_some(extra)
}

fn plain_integer(term: &Term) -> bool {
    matches!(term, Term::Const(Const::Number(text)) if text.parse::<i128>().is_ok())
}

/// Whether other types become this one without being asked.
fn widens(ty: &Type) -> bool {
    const WIDER: [&str; 8] =
        ["int4", "int8", "numeric", "float4", "float8", "timestamp", "timestamptz", "interval"];
    WIDER.iter().any(|name| ty.is(name))
}

/// Compares names of functions, operators, tables: a schema that is only written once says nothing.
pub(super) fn same_name(a: &[String], b: &[String]) -> Sameness {
    if a == b {
        return Same;
    }
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    match (a.last(), b.last()) {
        (Some(x), Some(y)) if x == y => {
            if long.ends_with(short) {
                Same
            } else {
                Different
            }
        }
        // One function under two names, or nearly so.
        (Some(x), Some(y)) if aliases(x, y) => Unknown,
        _ => Different,
    }
}

fn aliases(a: &str, b: &str) -> bool {
    const GROUPS: [&[&str]; 8] = [
        &["similar_escape", "similar_to_escape"],
        &["extract", "date_part"],
        &["substring", "substr"],
        &["position", "strpos"],
        &["now", "clock_timestamp", "statement_timestamp"],
        &["length", "char_length", "character_length"],
        &["gen_random_uuid", "uuid_generate_v4", "uuidv4"],
        &["ceil", "ceiling", "pow", "power"],
    ];
    GROUPS.iter().any(|group| group.contains(&a) && group.contains(&b))
}

/// Compares types as they are written.
pub(super) fn same_type(a: &Type, b: &Type) -> Sameness {
    if a.array != b.array {
        // `_int4` is the array type's own name.
        return if a.last().starts_with('_') || b.last().starts_with('_') { Unknown } else { Different };
    }
    match same_name(&a.name, &b.name) {
        Same if a.modifiers == b.modifiers => Same,
        // `numeric(10)` is `numeric(10,0)`; other spellings are not worked out here.
        Same => Unknown,
        other => other,
    }
}

impl Const {
    /// Whether nothing but itself can be this constant.
    pub(super) fn is_null(&self) -> bool {
        *self == Const::Null
    }
}
