//! Objects that are kept by class and name: how statements name, need and make them.

use super::context::{Context, string, strings};
use super::object::{Meant, Thing, parts, place_of, type_name};
use super::{Access, Presence};
use crate::catalog::builtin;
use crate::catalog::{Catalog, Dependency, Effect, Found, Name, ObjectRef, Other, Slot, TypeRef};
use crate::diagnostic::Code;
use crate::source::Span;
use crate::syntax::{NodeEnum, protobuf};
use protobuf::ObjectType;

/// An object that is kept by class and name, as a statement writes it.
#[derive(Debug, Clone)]
pub(super) struct Named {
    class: &'static str,
    name: Name,
    types: Vec<Option<TypeRef>>,
    of: Option<String>,
}

/// What a new object needs, and what it goes with silently.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs {
    pub(super) depends: Vec<Dependency>,
    pub(super) part_of: Vec<Dependency>,
}

impl Needs {
    /// Makes the needs of an object that cannot be without the others.
    pub(super) fn of(depends: impl IntoIterator<Item = Dependency>) -> Needs {
        Needs { depends: depends.into_iter().collect(), part_of: Vec::new() }
    }
}

impl Named {
    /// Names an object that lives in no schema.
    pub(super) fn plain(class: &'static str, name: &str) -> Named {
        Named::in_schema(class, Name { schema: None, name: name.to_owned() })
    }

    /// Names an object by a name that may have a schema.
    pub(super) fn in_schema(class: &'static str, name: Name) -> Named {
        Named { class, name, types: Vec::new(), of: None }
    }

    /// Adds the types that are part of the name.
    pub(super) fn with_types(self, types: Vec<Option<TypeRef>>) -> Named {
        Named { types, ..self }
    }

    /// Adds the object that is part of the name.
    pub(super) fn of(self, of: &str) -> Named {
        Named { of: Some(of.to_owned()), ..self }
    }

    fn lives_in_schema(&self) -> bool {
        matches!(
            self.class,
            "collation" | "conversion" | "operator" | "operator class" | "operator family" | "statistics"
        ) || self.class.starts_with("text search")
    }

    fn object(&self) -> Other {
        Other {
            types: self.types.clone(),
            of: self.of.clone(),
            ..Other::new(self.class, self.name.name.as_str())
        }
    }

    fn reference(&self, schema: Option<&str>) -> ObjectRef {
        ObjectRef::Other { class: self.class.to_owned(), name: self.object().label(schema) }
    }

    /// Whether the server brings such an object itself: surely, surely not, or it cannot be said.
    fn is_builtin(&self, catalog: &Catalog) -> Found<()> {
        let sure = |there: bool| if there { Found::Yes(()) } else { Found::No };
        match self.class {
            "operator" => sure(builtin_operator(&self.name.name, &self.types, catalog.server_version)),
            "cast" => match &self.types[..] {
                [Some(source), Some(target)] => sure(builtin_cast(source, target, catalog.server_version)),
                _ => Found::Unknown,
            },
            // The cluster's own objects are known only where there is a server.
            "database" | "tablespace" if catalog.roles.is_none() => Found::Unknown,
            // Those of the operating system's locales differ from one server to the next.
            "collation" if !builtin::is_object("collation", &self.name.name) => Found::Unknown,
            // Families are not listed by themselves.
            "operator family" => Found::Unknown,
            "operator class" => {
                let classes = builtin::operator_classes(self.of.as_deref().unwrap_or_default());
                sure(classes.iter().any(|class| class.name == self.name.name))
            }
            "language" if self.name.name == "plpgsql" => sure(catalog.extensions.contains_key("plpgsql")),
            class => sure(builtin::is_object(class, &self.name.name)),
        }
    }
}

/// The index of a type among the built-in ones.
fn builtin_type(ty: &TypeRef) -> Option<builtin::TypeIndex> {
    let name = if ty.array { format!("_{}", ty.name) } else { ty.name.clone() };
    builtin::type_named(&ty.schema, &name)
}

fn builtin_operator(name: &str, types: &[Option<TypeRef>], version: u32) -> bool {
    let [left, Some(right), ..] = types else { return false };
    let left = left.as_ref().map(builtin_type);
    let right = builtin_type(right);
    left != Some(None)
        && builtin::operators(name).iter().any(|operator| {
            operator.versions.has(builtin::major(version))
                && operator.left == left.flatten()
                && Some(operator.right) == right
        })
}

fn builtin_cast(source: &TypeRef, target: &TypeRef, version: u32) -> bool {
    let (Some(source), Some(target)) = (builtin_type(source), builtin_type(target)) else { return false };
    builtin::cast(source, target, builtin::major(version)).is_some()
}

impl Context<'_> {
    /// Finds an object that is kept by class and name.
    pub(super) fn meant_named(&self, named: &Named) -> Meant {
        let schemas: Vec<Option<String>> = match named.lives_in_schema() {
            true => {
                let candidates = self.catalog.candidates(&named.name, self.path());
                candidates.into_iter().map(|name| Some(name.schema)).collect()
            }
            false => vec![None],
        };
        let candidates: Vec<ObjectRef> =
            schemas.iter().map(|schema| named.reference(schema.as_deref())).collect();
        let there = candidates.iter().find_map(|candidate| match candidate {
            ObjectRef::Other { name, .. } => {
                self.catalog.other_at(named.class, name).map(|(id, _)| (id, candidate.clone()))
            }
            _ => None,
        });
        let written = match named.lives_in_schema() {
            true => named.object().label(named.name.schema.as_deref()),
            false => named.object().label(None),
        };
        let object = match (&there, candidates.first()) {
            (Some((_, object)), _) => object.clone(),
            (None, Some(first)) => first.clone(),
            (None, None) => named.reference(None),
        };
        let system = match &named.name.schema {
            Some(schema) if !Catalog::is_system_schema(schema) => Found::No,
            _ => named.is_builtin(self.catalog),
        };
        let found = match there {
            Some((id, _)) => Found::Yes(Thing::Other(id)),
            None if system == Found::Yes(()) => Found::Yes(Thing::Builtin),
            None if system == Found::Unknown || self.catalog.clouded.is_some() => Found::Unknown,
            None => Found::No,
        };
        Meant { candidates, ..Meant::new(object, found, Code::DN208, named.class, written) }
    }

    /// Requires an object that is kept by class and name; gives its id.
    pub(super) fn need_named(&mut self, named: &Named, span: Span) -> Option<Dependency> {
        let meant = self.meant_named(named);
        match self.need_meant(&meant, span) {
            Some(Thing::Other(on)) => Some(Dependency { on, column: None }),
            _ => None,
        }
    }

    /// Makes an object that is kept by class and name; gives the slot by which others refer to it.
    pub(super) fn make_named(&mut self, named: &Named, if_not_exists: bool, needs: Needs) -> Slot {
        self.adds();
        let schema =
            named.lives_in_schema().then(|| self.catalog.created_as(&named.name, self.path()).schema);
        if let Some(schema) = &schema {
            self.need_schema(schema, self.statement.span);
        }
        let object = named.reference(schema.as_deref());
        self.touch(place_of(&object), Access::Write);
        self.provide(object.clone());
        let slot = self.slot();
        let other = Box::new(Other { depends: needs.depends, part_of: needs.part_of, ..named.object() });
        let there = match &object {
            ObjectRef::Other { class, name } => self.catalog.other_at(class, name),
            _ => None,
        };
        match there {
            Some((id, old)) if self.analysis.or_replace => {
                let with = Box::new(Other { schema: old.schema, origin: old.origin, ..*other });
                self.analysis.effects.push(Effect::ReplaceOther { other: id, with });
            }
            Some(_) => {
                let phrase = format!("{} `{}`", named.class, object_name(&object));
                self.analysis.presence = match if_not_exists {
                    true => Presence::Same { reason: format!("{phrase} is there already") },
                    false => Presence::Unknown { object, tolerated: false },
                };
            }
            // What the server brings is not made anew.
            None if schema.is_none() && named.is_builtin(self.catalog) == Found::Yes(()) => {
                if !self.analysis.or_replace {
                    self.analysis.presence = Presence::Unknown { object, tolerated: if_not_exists };
                }
            }
            None => {
                self.analysis.effects.push(Effect::CreateOther { schema, slot: Some(slot), other });
            }
        }
        slot
    }

    /// Finds out which object that is kept by class and name a node means.
    pub(super) fn meant_other(&self, kind: ObjectType, node: &protobuf::Node) -> Option<Meant> {
        Some(self.meant_named(&self.named(kind, node)?))
    }

    /// The object that a node of DROP, ALTER or COMMENT names.
    pub(super) fn named(&self, kind: ObjectType, node: &protobuf::Node) -> Option<Named> {
        let class = class_of(kind)?;
        let inner = node.node.as_ref()?;
        Some(match (kind, inner) {
            (ObjectType::ObjectOpclass | ObjectType::ObjectOpfamily, _) => {
                let names = parts(inner)?;
                let (method, names) = names.split_first()?;
                Named::in_schema(class, Name::from_parts(names)).of(method)
            }
            (ObjectType::ObjectOperator, NodeEnum::ObjectWithArgs(operator)) => self.operator(operator),
            (ObjectType::ObjectCast, NodeEnum::List(list)) => {
                let ty = |at: usize| Some(self.type_text(type_name(list.items.get(at)?)?));
                Named::plain(class, "").with_types(vec![ty(0), ty(1)])
            }
            (ObjectType::ObjectTransform, NodeEnum::List(list)) => {
                let ty = self.type_text(type_name(list.items.first()?)?);
                Named::plain(class, "").with_types(vec![Some(ty)]).of(&string(list.items.get(1)?)?)
            }
            _ => match string(node) {
                Some(name) => Named::plain(class, &name),
                None => Named::in_schema(class, Name::from_parts(&parts(inner)?)),
            },
        })
    }

    /// An operator with the types of its operands, none where there is none.
    pub(super) fn operator(&self, operator: &protobuf::ObjectWithArgs) -> Named {
        let types = operator.objargs.iter().map(|node| type_name(node).map(|ty| self.type_text(ty)));
        Named::in_schema("operator", Name::from_parts(&strings(&operator.objname)))
            .with_types(types.collect())
    }
}

fn object_name(object: &ObjectRef) -> &str {
    match object {
        ObjectRef::Other { name, .. } => name,
        _ => "",
    }
}

/// What an object that is kept by class and name is called, as COMMENT ON says it.
pub(super) fn class_of(kind: ObjectType) -> Option<&'static str> {
    Some(match kind {
        ObjectType::ObjectAccessMethod => "access method",
        ObjectType::ObjectCast => "cast",
        ObjectType::ObjectCollation => "collation",
        ObjectType::ObjectConversion => "conversion",
        ObjectType::ObjectDatabase => "database",
        ObjectType::ObjectEventTrigger => "event trigger",
        ObjectType::ObjectFdw => "foreign data wrapper",
        ObjectType::ObjectForeignServer => "server",
        ObjectType::ObjectLanguage => "language",
        ObjectType::ObjectOpclass => "operator class",
        ObjectType::ObjectOperator => "operator",
        ObjectType::ObjectOpfamily => "operator family",
        ObjectType::ObjectPublication => "publication",
        ObjectType::ObjectStatisticExt => "statistics",
        ObjectType::ObjectSubscription => "subscription",
        ObjectType::ObjectTablespace => "tablespace",
        ObjectType::ObjectTransform => "transform",
        ObjectType::ObjectTsconfiguration => "text search configuration",
        ObjectType::ObjectTsdictionary => "text search dictionary",
        ObjectType::ObjectTsparser => "text search parser",
        ObjectType::ObjectTstemplate => "text search template",
        _ => return None,
    })
}
