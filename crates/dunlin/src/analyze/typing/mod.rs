//! The types of expressions, as PostgreSQL's parser finds them (`parse_coerce.c`, `parse_func.c`, `parse_oper.c`).
//!
//! Whatever cannot be known surely is [`Ty::Unsure`], and so is all that is made from it.

mod candidates;
mod coerce;
mod collation;
mod function;
mod opclass;
mod operator;
mod polymorphic;

use candidates::Choice;
pub(super) use candidates::Resolved;
pub use collation::Collation;
pub(super) use function::{Arguments, FunctionChoice, Routine};

use crate::catalog::builtin::{self, BuiltinType, TypeIndex};
use crate::catalog::{Catalog, Id, RelationKind, SearchPath, TypeKind, TypeRef};
use std::sync::LazyLock;

/// A type in an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ty {
    /// Not known here.
    #[default]
    Unsure,
    /// A type of PostgreSQL's own, arrays of them included. A constant without a type is of the type `unknown`.
    Builtin(TypeIndex),
    /// A type of the user's or of an extension, or the row type of a relation.
    Own(Id),
    /// An array of such a type.
    OwnArray(Id),
}

impl Ty {
    /// A type of `pg_catalog`.
    pub fn named(name: &str) -> Ty {
        builtin::type_named("pg_catalog", name).map_or(Ty::Unsure, Ty::Builtin)
    }

    /// The type of a constant that has none yet.
    pub fn literal() -> Ty {
        static LITERAL: LazyLock<Ty> = LazyLock::new(|| Ty::named("unknown"));
        *LITERAL
    }

    /// Whether nothing is known of it.
    pub fn is_unsure(self) -> bool {
        self == Ty::Unsure
    }

    /// Whether it is that of a constant without a type.
    pub fn is_literal(self) -> bool {
        self == Ty::literal()
    }

    fn builtin(self) -> Option<&'static BuiltinType> {
        match self {
            Ty::Builtin(index) => Some(builtin::type_at(index)),
            _ => None,
        }
    }

    /// Whether it is a type of `pg_catalog` with that name.
    pub fn is(self, name: &str) -> bool {
        self.builtin().is_some_and(|ty| ty.name == name && ty.schema == "pg_catalog")
    }
}

impl Ty {
    /// Whether its values are references to objects of the catalog: `regclass` and its like.
    pub fn is_reference(self) -> bool {
        self.builtin().is_some_and(|ty| ty.schema == "pg_catalog" && ty.name.starts_with("reg"))
    }
}

/// What is known of an expression: type, modifiers, collation, and the fields of a row without a type of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Typed {
    /// Its type.
    pub ty: Ty,
    /// The type's modifiers, as in [`TypeRef::modifiers`].
    pub modifiers: Option<String>,
    /// Its collation.
    pub collation: Collation,
    /// The fields of a `record`, where they are known.
    pub fields: Option<Vec<super::query::OutputColumn>>,
}

impl Typed {
    /// An expression of which nothing is known.
    pub fn unsure() -> Typed {
        Typed::default()
    }

    /// An expression of a type, without modifiers, with the type's collation.
    pub fn of(ty: Ty) -> Typed {
        Typed { collation: Collation::of_type(ty), ty, ..Typed::default() }
    }

    /// An expression of a type of `pg_catalog`.
    pub fn named(name: &str) -> Typed {
        Typed::of(Ty::named(name))
    }

    /// A column or cast of a type that the catalog knows.
    pub fn from_ref(ty: &TypeRef) -> Typed {
        Typed { modifiers: ty.modifiers.clone(), ..Typed::of(from_ref(ty)) }
    }

    /// A constant without a type becomes text where a query gives it.
    pub fn resolved(self) -> Typed {
        if self.ty.is_literal() { Typed::named("text") } else { self }
    }
}

/// The type that the catalog's reference means.
pub fn from_ref(ty: &TypeRef) -> Ty {
    if ty.is_unknown() {
        return Ty::Unsure;
    }
    if let Some(id) = ty.id {
        return if ty.array { Ty::OwnArray(id) } else { Ty::Own(id) };
    }
    match builtin::type_named(&ty.schema, &ty.name) {
        Some(index) if ty.array => builtin::type_at(index).array.map_or(Ty::Unsure, Ty::Builtin),
        Some(index) => Ty::Builtin(index),
        None => Ty::Unsure,
    }
}

/// What the types of one database are to one server version.
#[derive(Clone, Copy)]
pub(super) struct Types<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) path: &'a SearchPath,
    /// The server's major version.
    pub(super) major: u32,
}

impl<'a> Types<'a> {
    pub(super) fn new(catalog: &'a Catalog, path: &'a SearchPath) -> Types<'a> {
        Types { catalog, path, major: builtin::major(catalog.server_version) }
    }

    /// The type that a reference means, also where it names a type of an extension without its id.
    fn of_ref(self, ty: &TypeRef) -> Ty {
        match from_ref(ty) {
            Ty::Unsure if !ty.is_unknown() => {
                let name = crate::catalog::QName::new(ty.schema.as_str(), ty.name.as_str());
                let found = self.catalog.type_at(&name).map(|(id, _)| id);
                let found = found.or_else(|| self.catalog.relation_at(&name).map(|(id, _)| id));
                match found {
                    Some(id) if ty.array => Ty::OwnArray(id),
                    Some(id) => Ty::Own(id),
                    None => Ty::Unsure,
                }
            }
            found => found,
        }
    }

    /// The schemas in which a function or operator is looked for, nearest first.
    fn schemas_of(self, schema: Option<&str>) -> Vec<String> {
        if let Some(schema) = schema {
            return vec![schema.to_owned()];
        }
        let resolved = self.path.0.iter().map(|schema| match schema.as_str() {
            "$user" => self.catalog.current_role.clone(),
            schema => schema.to_owned(),
        });
        let mut schemas: Vec<String> = resolved.collect();
        if !schemas.iter().any(|schema| schema == "pg_catalog") {
            schemas.insert(0, "pg_catalog".into());
        }
        schemas
    }

    /// The same types to each version that is known.
    pub(super) fn versions(self) -> impl Iterator<Item = Types<'a>> {
        (14..=18).map(move |major| Types { major, ..self })
    }

    /// What a subscript gives of a type that is no array: a point's number, a box's point.
    pub(super) fn subscript(self, ty: Ty) -> Option<Ty> {
        ty.builtin()?.element.map(Ty::Builtin)
    }

    /// Refers to a type as the catalog does.
    pub(super) fn to_ref(self, typed: &Typed) -> TypeRef {
        // A vector is an array, and no other type's array.
        let (element, array) = match self.element(typed.ty).filter(|element| self.array(*element) == typed.ty)
        {
            Some(element) => (element, true),
            None => (typed.ty, false),
        };
        let modifiers = typed.modifiers.clone();
        match element {
            Ty::Builtin(index) => {
                let found = builtin::type_at(index);
                TypeRef {
                    schema: found.schema.to_owned(),
                    name: found.name.to_owned(),
                    modifiers,
                    array,
                    id: None,
                }
            }
            Ty::Own(id) if self.catalog.type_by_id(id).is_some() || self.catalog.relation(id).is_some() => {
                let name = self.catalog.type_name(id);
                TypeRef { schema: name.schema, name: name.name, modifiers, array, id: Some(id) }
            }
            _ => TypeRef::unknown(),
        }
    }

    /// What a user's type is, when it is no row type.
    fn own_kind(self, ty: Ty) -> Option<&'a TypeKind> {
        match ty {
            Ty::Own(id) => self.catalog.type_by_id(id).map(|found| &found.kind),
            _ => None,
        }
    }

    /// The type under a domain, through domains over domains.
    pub(super) fn base(self, ty: Ty) -> Ty {
        let mut ty = ty;
        // Domains do not go in circles; the bound is for catalogs that were read half.
        for _ in 0..32 {
            ty = match ty {
                Ty::Builtin(index) if builtin::type_at(index).kind == 'd' => {
                    builtin::type_at(index).base.map_or(Ty::Unsure, Ty::Builtin)
                }
                Ty::Own(_) => match self.own_kind(ty) {
                    Some(TypeKind::Domain(domain)) => from_ref(&domain.base),
                    _ => return ty,
                },
                ty => return ty,
            };
        }
        Ty::Unsure
    }

    /// The type of an array's elements, when it is a true array (`get_element_type`).
    pub(super) fn element(self, ty: Ty) -> Option<Ty> {
        match ty {
            Ty::Builtin(index) => builtin::type_at(index).element_of_array().map(Ty::Builtin),
            Ty::OwnArray(id) => Some(Ty::Own(id)),
            _ => None,
        }
    }

    /// The array type of a type (`get_array_type`).
    pub(super) fn array(self, ty: Ty) -> Ty {
        match ty {
            Ty::Builtin(index) => builtin::type_at(index).array.map_or(Ty::Unsure, Ty::Builtin),
            Ty::Own(id) => Ty::OwnArray(id),
            _ => Ty::Unsure,
        }
    }

    /// Whether it is an array, or a domain over one (`type_is_array_domain`).
    pub(super) fn is_array(self, ty: Ty) -> Option<bool> {
        match self.base(ty) {
            Ty::Unsure => None,
            base => Some(self.element(base).is_some()),
        }
    }

    /// Its category; none where it is not known, as of the types of extensions.
    pub(super) fn category(self, ty: Ty) -> Option<char> {
        match ty {
            Ty::Unsure => None,
            Ty::Builtin(index) => Some(builtin::type_at(index).category(self.major)),
            Ty::OwnArray(_) => Some('A'),
            Ty::Own(id) => match self.own_kind(ty) {
                Some(TypeKind::Enum(_)) => Some('E'),
                Some(TypeKind::Range) => Some('R'),
                Some(TypeKind::Composite) => Some('C'),
                Some(TypeKind::Domain(_)) => self.category(self.base(ty)),
                Some(TypeKind::Base) => None,
                None => self.catalog.relation(id).map(|_| 'C'),
            },
        }
    }

    /// Whether it is the preferred type of its category; none where that is not known.
    pub(super) fn preferred(self, ty: Ty) -> Option<bool> {
        match ty {
            Ty::Unsure => None,
            Ty::Builtin(index) => Some(builtin::type_at(index).preferred),
            Ty::Own(_) if matches!(self.own_kind(ty), Some(TypeKind::Base)) => None,
            _ => Some(false),
        }
    }

    /// Whether it is an enum; none where that is not known.
    pub(super) fn is_enum(self, ty: Ty) -> Option<bool> {
        match ty {
            Ty::Unsure => None,
            ty => Some(matches!(self.own_kind(ty), Some(TypeKind::Enum(_)))),
        }
    }

    /// Whether it is a range or multirange of the user's.
    fn is_own_range(self, ty: Ty) -> bool {
        matches!(self.own_kind(ty), Some(TypeKind::Range))
    }

    /// Whether it has columns; domains over such types count.
    pub(super) fn is_composite(self, ty: Ty) -> Option<bool> {
        match self.base(ty) {
            Ty::Unsure => None,
            base => Some(base.is("record") || self.row(base).is_some()),
        }
    }

    /// The relation that a row type belongs to.
    pub(super) fn row(self, ty: Ty) -> Option<Id> {
        let Ty::Own(id) = self.base(ty) else { return None };
        match self.catalog.type_by_id(id) {
            // The attributes of a composite type are those of the relation of its name.
            Some(found) if found.kind == TypeKind::Composite => {
                let name = self.catalog.type_name(id);
                self.catalog.relation_at(&name).map(|(id, _)| id)
            }
            Some(_) => None,
            None => self
                .catalog
                .relation(id)
                .filter(|relation| {
                    !matches!(relation.kind, RelationKind::Index(_) | RelationKind::Sequence(_))
                })
                .map(|_| id),
        }
    }
}
