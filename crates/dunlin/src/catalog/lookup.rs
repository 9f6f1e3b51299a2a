//! Finding objects by name, through the search path.

use super::{Catalog, Function, Id, Name, QName, Relation, RelationKind, Type};
use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// A name in a schema, so that a map with owned names is asked without making one.
trait NameKey {
    fn parts(&self) -> (Id, &str);
}

impl NameKey for (Id, String) {
    fn parts(&self) -> (Id, &str) {
        (self.0, &self.1)
    }
}

impl NameKey for (Id, &str) {
    fn parts(&self) -> (Id, &str) {
        *self
    }
}

impl<'a> Borrow<dyn NameKey + 'a> for (Id, String) {
    fn borrow(&self) -> &(dyn NameKey + 'a) {
        self
    }
}

impl Hash for dyn NameKey + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for dyn NameKey + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn NameKey + '_ {}

/// The schemas in which names without a schema are looked for, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SearchPath(pub Vec<String>);

/// The schema that stands for the session's own temporary one.
pub const TEMPORARY: &str = "pg_temp";

impl Default for SearchPath {
    fn default() -> Self {
        SearchPath(vec!["$user".into(), "public".into()])
    }
}

/// What a look-up gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<T> {
    /// It is there.
    Yes(T),
    /// It is surely not there.
    No,
    /// It cannot be said: PostgreSQL's own schemas, or after something that was not understood.
    Unknown,
}

impl<T> Found<T> {
    /// The object, if it is there.
    pub fn yes(self) -> Option<T> {
        match self {
            Found::Yes(object) => Some(object),
            _ => None,
        }
    }

    /// Whether it is surely not there.
    pub fn is_no(&self) -> bool {
        matches!(self, Found::No)
    }
}

impl SearchPath {
    /// Reads a `search_path` setting: names, quoted or not, between commas.
    pub fn parse(setting: &str) -> SearchPath {
        let mut names = Vec::new();
        let mut name = String::new();
        let mut quoted = false;
        let mut characters = setting.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    name.push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => names.push(std::mem::take(&mut name)),
                character if quoted => name.push(character),
                character if character.is_whitespace() => {}
                character => name.extend(character.to_lowercase()),
            }
        }
        names.push(name);
        // A setting of '' is shown as "" and names no schema.
        names.retain(|name| !name.is_empty());
        SearchPath(names)
    }
}

impl Catalog {
    /// Finds a schema by name.
    pub fn find_schema(&self, name: &str) -> Found<Id> {
        match self.schema_names.get(name) {
            Some(id) => Found::Yes(*id),
            None if Catalog::is_system_schema(name) => Found::Unknown,
            None => self.no(),
        }
    }

    /// Finds a relation of any kind.
    pub fn find_relation(&self, name: &Name, path: &SearchPath) -> Found<Id> {
        let found = self.search(name, path, |schema, name| {
            self.relation_names.get(&(schema, name) as &dyn NameKey).copied()
        });
        match found {
            // Unqualified catalog tables and views are found through the implicit pg_catalog.
            Found::No if name.schema.is_none() && name.name.starts_with("pg_") => Found::Unknown,
            found => found,
        }
    }

    /// Finds a relation by its full name.
    pub fn relation_at(&self, name: &QName) -> Option<(Id, &Relation)> {
        let schema = self.schema_names.get(&name.schema)?;
        let id = self.relation_names.get(&(*schema, name.name.as_str()) as &dyn NameKey)?;
        Some((*id, self.relations.get(id)?))
    }

    /// Finds a type that is not built in; a table's row type counts.
    pub fn find_type(&self, name: &Name, path: &SearchPath) -> Found<Id> {
        if name.schema.is_none() && super::builtin::is_type(&name.name) {
            return Found::Unknown;
        }
        self.search(name, path, |schema, name| {
            let key: &dyn NameKey = &(schema, name);
            self.type_names.get(key).copied().or_else(|| {
                let id = *self.relation_names.get(key)?;
                let row_type = !matches!(
                    self.relations.get(&id)?.kind,
                    RelationKind::Index(_) | RelationKind::Sequence(_)
                );
                row_type.then_some(id)
            })
        })
    }

    /// Finds a type by its full name.
    pub fn type_at(&self, name: &QName) -> Option<(Id, &Type)> {
        let schema = self.schema_names.get(&name.schema)?;
        let id = self.type_names.get(&(*schema, name.name.as_str()) as &dyn NameKey)?;
        Some((*id, self.types.get(id)?))
    }

    /// Finds all functions of a name, nearest schema first; empty when there is none (built-in ones do not count).
    pub fn find_functions(&self, name: &Name, path: &SearchPath) -> Vec<(Id, &Function)> {
        self.schemas_for(name, path)
            .into_iter()
            .filter_map(|schema| self.function_names.get(&(schema, name.name.as_str()) as &dyn NameKey))
            .flatten()
            .filter_map(|id| self.functions.get(id).map(|function| (*id, function)))
            .collect()
    }

    /// Finds whether a function of a name, callable with `arguments` arguments (any number when none), exists.
    pub fn find_function(&self, name: &Name, arguments: Option<usize>, path: &SearchPath) -> Found<Id> {
        let all = self.find_functions(name, path);
        let fitting = all.iter().find(|(_, function)| arguments.is_none_or(|count| function.takes(count)));
        if let Some((id, _)) = fitting {
            return Found::Yes(*id);
        }
        let system = name.schema.as_deref().is_some_and(Catalog::is_system_schema);
        if system || (name.schema.is_none() && super::builtin::is_function(&name.name)) {
            return Found::Unknown;
        }
        if self.may_be_system_function(name) {
            return Found::Unknown;
        }
        // A type's name used as a cast function, or a column in function notation, look like calls.
        if arguments == Some(1) && (name.schema.is_none() || !self.find_type(name, path).is_no()) {
            let unsure = !self.find_type(name, path).is_no() || self.any_column_named(&name.name);
            if unsure {
                return Found::Unknown;
            }
        }
        match &name.schema {
            Some(schema) if self.find_schema(schema).is_no() => self.no(),
            _ => self.no(),
        }
    }

    /// Whether a name may be that of a function that somebody else than PostgreSQL put into its own schemas.
    pub fn may_be_system_function(&self, name: &Name) -> bool {
        name.schema.as_deref().is_none_or(Catalog::is_system_schema)
            && self.system_functions.contains(&name.name)
    }

    fn any_column_named(&self, name: &str) -> bool {
        self.relations.values().any(|relation| relation.column(name).is_some())
    }

    /// The schemas of the search path that exist, `$user` resolved.
    pub fn path_schemas(&self, path: &SearchPath) -> Vec<Id> {
        path.0
            .iter()
            .map(|name| if name == "$user" { self.current_role.as_str() } else { name.as_str() })
            .filter_map(|name| self.schema_names.get(name).copied())
            .collect()
    }

    /// The schema in which an unqualified CREATE makes its object.
    pub fn creation_schema(&self, path: &SearchPath) -> Option<&str> {
        self.path_schemas(path).first().map(|id| self.schema_name(*id))
    }

    /// Every name that `name` can stand for, nearest first; what does not exist included.
    pub fn candidates(&self, name: &Name, path: &SearchPath) -> Vec<QName> {
        match &name.schema {
            Some(schema) => vec![QName::new(schema.clone(), name.name.clone())],
            None => path
                .0
                .iter()
                .map(|schema| if schema == "$user" { self.current_role.as_str() } else { schema })
                // A schema of the role's name is seldom there; one that is not holds nothing.
                .filter(|schema| {
                    !schema.is_empty()
                        && (*schema != self.current_role || self.schema_names.contains_key(*schema))
                })
                .map(|schema| QName::new(schema, name.name.clone()))
                .collect(),
        }
    }

    /// Where an object of this name is created.
    pub fn created_as(&self, name: &Name, path: &SearchPath) -> QName {
        let schema = match &name.schema {
            Some(schema) => schema.clone(),
            None => self.creation_schema(path).map(str::to_owned).unwrap_or_else(|| {
                path.0.iter().find(|schema| *schema != "$user").cloned().unwrap_or_else(|| "public".into())
            }),
        };
        QName::new(schema, name.name.clone())
    }

    fn schemas_for(&self, name: &Name, path: &SearchPath) -> Vec<Id> {
        match &name.schema {
            Some(schema) => self.schema_names.get(schema).copied().into_iter().collect(),
            None => self.path_schemas(path),
        }
    }

    /// Temporary tables and types hide all others; functions are never looked for among them.
    fn temporary(&self, name: &Name) -> Option<Id> {
        name.schema.is_none().then(|| self.schema_names.get(TEMPORARY).copied()).flatten()
    }

    fn search(&self, name: &Name, path: &SearchPath, look: impl Fn(Id, &str) -> Option<Id>) -> Found<Id> {
        let schemas = self.schemas_for(name, path);
        if let Some(id) =
            self.temporary(name).iter().chain(&schemas).find_map(|schema| look(*schema, &name.name))
        {
            return Found::Yes(id);
        }
        match &name.schema {
            Some(schema) if Catalog::is_system_schema(schema) => Found::Unknown,
            None if self.system_objects || path.0.iter().any(|schema| Catalog::is_system_schema(schema)) => {
                Found::Unknown
            }
            _ if schemas.iter().any(|schema| self.is_open(*schema)) => Found::Unknown,
            _ => self.no(),
        }
    }

    /// What is missing is surely missing only while everything that ran was understood.
    fn no<T>(&self) -> Found<T> {
        if self.clouded.is_some() { Found::Unknown } else { Found::No }
    }
}

impl Catalog {
    /// Whether the current role can act as the owner through membership.
    pub fn owned_through_membership(&self, owner: &str) -> bool {
        self.memberships.contains(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::SearchPath;

    #[test]
    fn search_paths_are_read_as_the_server_does() {
        assert_eq!(SearchPath::parse(r#""$user", public"#).0, ["$user", "public"]);
        assert_eq!(SearchPath::parse(r#"App, "My ""Own"" Schema",x"#).0, ["app", r#"My "Own" Schema"#, "x"]);
        assert!(SearchPath::parse(r#""""#).0.is_empty());
        assert!(SearchPath::parse("").0.is_empty());
    }
}
