//! What an operation reads and writes, and whether two operations commute.

use crate::catalog::{ObjectRef, QName};
use std::collections::BTreeSet;

/// A place in the database that an operation can touch; a write of a place touches all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A schema with all that is in it.
    Schema(String),
    /// A relation with its columns, rows and all: writing it is CREATE, DROP or RENAME.
    Relation(QName),
    /// One column of a relation: its definition.
    Column(QName, String),
    /// All columns, as `SELECT *` reads them.
    Columns(QName),
    /// The rows of a relation, all columns.
    Rows(QName),
    /// The values of one column in all rows.
    Values(QName, String),
    /// Constraints, triggers, policies, rules and other properties of a relation that DML runs through.
    Rules(QName),
    /// Another object: type, function, extension, role …
    Object(ObjectRef),
    /// Everything: what cannot be understood.
    Everything,
}

impl Place {
    /// The relation that it is of, where it is of one.
    pub fn relation(&self) -> Option<&QName> {
        match self {
            Place::Relation(name)
            | Place::Column(name, _)
            | Place::Columns(name)
            | Place::Rows(name)
            | Place::Values(name, _)
            | Place::Rules(name) => Some(name),
            Place::Object(object) => object.parent_relation(),
            Place::Schema(_) | Place::Everything => None,
        }
    }
}

/// How a place is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// It is read, or must be there.
    Read,
    /// Rows are added: commutes with other inserts.
    Insert,
    /// It is changed, made or removed.
    Write,
}

/// Where an operation touches something: two that have no ground in common, and none everywhere, commute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ground {
    /// Anywhere.
    Everywhere,
    /// A relation with all that is part of it.
    Relation(QName),
    /// Another object.
    Object(ObjectRef),
}

/// What an operation touches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Footprint {
    touches: BTreeSet<(Place, Access)>,
}

impl Footprint {
    /// Adds a touch.
    pub fn touch(&mut self, place: Place, access: Access) {
        self.touches.insert((place, access));
    }

    /// Adds all touches of another footprint.
    pub fn extend(&mut self, other: &Footprint) {
        self.touches.extend(other.touches.iter().cloned());
    }

    /// All touches, sorted.
    pub fn touches(&self) -> impl Iterator<Item = &(Place, Access)> {
        self.touches.iter()
    }

    /// The grounds that it is on.
    pub fn grounds(&self) -> BTreeSet<Ground> {
        self.touches.iter().filter_map(|(place, access)| ground(place, *access)).collect()
    }

    /// Whether it writes anything.
    pub fn writes(&self) -> bool {
        self.touches.iter().any(|(_, access)| *access != Access::Read)
    }

    /// Whether neither writes what the other reads or writes; inserts into one table commute.
    pub fn commutes_with(&self, other: &Footprint) -> bool {
        commute(self.touches.iter(), other)
    }

    /// The same for what is surely touched here, *everything* left out.
    pub fn known_part_commutes_with(&self, other: &Footprint) -> bool {
        commute(self.touches.iter().filter(|(place, _)| *place != Place::Everything), other)
    }
}

fn commute<'f>(mut touches: impl Iterator<Item = &'f (Place, Access)>, other: &Footprint) -> bool {
    !touches.any(|(place, access)| {
        other.touches.iter().any(|(other_place, other_access)| {
            let harmless = matches!(
                (access, other_access),
                (Access::Read, Access::Read) | (Access::Insert, Access::Insert)
            );
            !harmless && overlap(place, *access, other_place, *other_access)
        })
    })
}

/// Whether two touches, at least one of which writes, meet.
fn overlap(a: &Place, a_access: Access, b: &Place, b_access: Access) -> bool {
    let one_way = |a: &Place, a_access: Access, b: &Place| match (a, b) {
        (Place::Everything, _) => true,
        (Place::Schema(schema), _) => schema_of(b).is_some_and(|other| {
            schema == other && (a_access != Access::Read || matches!(b, Place::Schema(_)))
        }),
        (Place::Relation(name), _) => {
            b.relation() == Some(name) && (a_access != Access::Read || matches!(b, Place::Relation(_)))
        }
        (Place::Columns(name), Place::Column(other, _) | Place::Columns(other)) => name == other,
        (Place::Rows(name), Place::Rows(other) | Place::Values(other, _)) => name == other,
        // Changing a column's definition (type, drop, rename) changes its values for who reads or writes them.
        (Place::Column(name, column), Place::Values(other, other_column)) => {
            name == other && column == other_column
        }
        (Place::Rules(name), Place::Rows(other)) => name == other && a_access == Access::Write,
        _ => a == b,
    };
    one_way(a, a_access, b) || one_way(b, b_access, a)
}

fn ground(place: &Place, access: Access) -> Option<Ground> {
    match (place, place.relation()) {
        (_, Some(relation)) => Some(Ground::Relation(relation.clone())),
        (Place::Object(object), None) => Some(Ground::Object(object.clone())),
        // Whoever reads a schema meets only those who write it.
        (Place::Schema(_), _) if access == Access::Read => None,
        _ => Some(Ground::Everywhere),
    }
}

fn schema_of(place: &Place) -> Option<&str> {
    match place {
        Place::Schema(name) => Some(name),
        Place::Object(
            ObjectRef::Type { name } | ObjectRef::Function { name, .. } | ObjectRef::EnumLabel { name, .. },
        ) => Some(&name.schema),
        _ => place.relation().map(|name| name.schema.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(touches: &[(Place, Access)]) -> Footprint {
        Footprint { touches: touches.iter().cloned().collect() }
    }

    #[test]
    fn inserts_commute_and_an_index_does_not_commute_with_them() {
        let t = QName::new("public", "t");
        let insert = footprint(&[
            (Place::Relation(t.clone()), Access::Read),
            (Place::Rows(t.clone()), Access::Insert),
        ]);
        let index = footprint(&[
            (Place::Column(t.clone(), "a".into()), Access::Read),
            (Place::Rows(t.clone()), Access::Read),
        ]);
        let add = footprint(&[
            (Place::Relation(t.clone()), Access::Read),
            (Place::Column(t.clone(), "b".into()), Access::Write),
        ]);
        let drop = footprint(&[(Place::Relation(t), Access::Write)]);
        assert!(insert.commutes_with(&insert));
        assert!(!insert.commutes_with(&index));
        assert!(add.commutes_with(&index));
        assert!(!drop.commutes_with(&index) && !drop.commutes_with(&add) && !insert.commutes_with(&drop));
    }

    #[test]
    fn what_does_not_commute_has_a_ground_in_common() {
        let (t, u) = (QName::new("public", "t"), QName::new("s", "u"));
        let object = |object: ObjectRef| Place::Object(object);
        let mut places = vec![
            Place::Everything,
            Place::Schema("public".into()),
            Place::Schema("s".into()),
            object(ObjectRef::Type { name: t.clone() }),
            object(ObjectRef::Role { name: "r".into() }),
        ];
        for name in [t, u] {
            places.extend([
                Place::Relation(name.clone()),
                Place::Column(name.clone(), "a".into()),
                Place::Columns(name.clone()),
                Place::Rows(name.clone()),
                Place::Values(name.clone(), "a".into()),
                Place::Rules(name.clone()),
                object(ObjectRef::Constraint { relation: name.clone(), name: "c".into() }),
                object(ObjectRef::EnumLabel { name, label: "l".into() }),
            ]);
        }
        let accesses = [Access::Read, Access::Insert, Access::Write];
        let all: Vec<Footprint> = places
            .iter()
            .flat_map(|place| accesses.map(|access| footprint(&[(place.clone(), access)])))
            .collect();
        let mut apart = 0;
        for one in &all {
            for other in &all {
                let (here, there) = (one.grounds(), other.grounds());
                let meet = !here.is_disjoint(&there)
                    || here.contains(&Ground::Everywhere)
                    || there.contains(&Ground::Everywhere);
                assert!(meet || one.commutes_with(other), "{one:?} {other:?}");
                apart += usize::from(!meet);
            }
        }
        assert!(apart > 1000, "{apart}");
    }
}
