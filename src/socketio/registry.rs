//! Which namespaces there are: those that the program made, and those that come and go with their clients.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{namespace::Namespace, recovery::Recovery, server::Server};

type Matches = dyn Fn(&str) -> bool + Send + Sync;

/// The namespaces of one server.
#[derive(Default)]
pub(super) struct Registry {
    recovery: Option<Recovery>,
    dynamic_max: usize,
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    named: HashMap<Arc<str>, Entry>,
    /// Replaced as a whole, so that predicates run without the lock.
    patterns: Arc<[Pattern]>,
    dynamic: usize,
}

#[derive(Clone)]
struct Pattern {
    matches: Arc<Matches>,
    template: Namespace,
}

struct Entry {
    namespace: Namespace,
    /// Clients in it or at its door, counted only where the namespace goes with the last of them.
    guests: Option<usize>,
}

/// Why there is no such namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoNamespace {
    /// Nobody made one and no pattern fits.
    Unknown,
    /// A pattern fits, but there are as many as there may be.
    TooMany,
}

impl Registry {
    pub(super) fn new(dynamic_max: usize, recovery: Option<Recovery>) -> Self {
        Self { recovery, dynamic_max, inner: RwLock::default() }
    }

    /// The namespace `name`, made if it is missing; from now on it stays until it is removed.
    pub(super) fn of(&self, name: &str) -> Namespace {
        self.of_with(name, self.recovery.as_ref())
    }

    /// The same; if it is missing, one that remembers nothing is made.
    pub(super) fn of_forgetful(&self, name: &str) -> Namespace {
        self.of_with(name, None)
    }

    fn of_with(&self, name: &str, recovery: Option<&Recovery>) -> Namespace {
        let mut inner = self.write();
        if let Some(entry) = inner.named.get_mut(name) {
            let was_dynamic = entry.guests.take().is_some();
            let namespace = entry.namespace.clone();
            inner.dynamic -= usize::from(was_dynamic);
            return namespace;
        }
        let namespace = Namespace::new(name, recovery);
        inner
            .named
            .insert(namespace.shared_name().clone(), Entry { namespace: namespace.clone(), guests: None });
        namespace
    }

    pub(super) fn get(&self, name: &str) -> Option<Namespace> {
        self.read().named.get(name).map(|entry| entry.namespace.clone())
    }

    pub(super) fn add_pattern(&self, matches: Arc<Matches>) -> Namespace {
        let template = Namespace::new("", None);
        let mut inner = self.write();
        let pattern = Pattern { matches, template: template.clone() };
        inner.patterns = inner.patterns.iter().cloned().chain([pattern]).collect();
        template
    }

    pub(super) fn remove(&self, name: &str) -> Option<Namespace> {
        let mut inner = self.write();
        let entry = inner.named.remove(name)?;
        inner.dynamic -= usize::from(entry.guests.is_some());
        Some(entry.namespace)
    }

    pub(super) fn all(&self) -> Vec<Namespace> {
        self.read().named.values().map(|entry| entry.namespace.clone()).collect()
    }

    /// Brings a client to the door of a namespace, which is made if a pattern fits. It stays at least as long as the
    /// lease.
    pub(super) fn enter(&self, server: &Arc<Server>, name: &str) -> Result<Lease, NoNamespace> {
        let patterns = {
            let inner = self.read();
            match inner.named.get(name) {
                Some(Entry { namespace, guests: None }) => {
                    return Ok(Lease { namespace: namespace.clone(), server: None });
                }
                Some(_) => None,
                None => Some(inner.patterns.clone()),
            }
        };
        let fitting = patterns.and_then(|all| all.iter().find(|pattern| (pattern.matches)(name)).cloned());
        let mut inner = self.write();
        if !inner.named.contains_key(name) {
            let Pattern { template, .. } = fitting.ok_or(NoNamespace::Unknown)?;
            if inner.dynamic >= self.dynamic_max {
                return Err(NoNamespace::TooMany);
            }
            let namespace = Namespace::like(&template, name, self.recovery.as_ref());
            let entry = Entry { namespace: namespace.clone(), guests: Some(0) };
            inner.named.insert(namespace.shared_name().clone(), entry);
            inner.dynamic += 1;
        }
        let entry = inner.named.get_mut(name).ok_or(NoNamespace::Unknown)?;
        let server = entry.guests.as_mut().map(|guests| {
            *guests += 1;
            server.clone()
        });
        Ok(Lease { namespace: entry.namespace.clone(), server })
    }

    /// A guest has gone; the last one takes the namespace along.
    fn leave(&self, namespace: &Namespace) {
        let mut inner = self.write();
        let Some(entry) = inner.named.get_mut(namespace.name()) else { return };
        // Removed and made anew in the meantime: its guests are others.
        if !entry.namespace.is_same(namespace) {
            return;
        }
        let Some(guests) = &mut entry.guests else { return };
        *guests -= 1;
        if *guests == 0 {
            inner.named.remove(namespace.name());
            inner.dynamic -= 1;
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client's hold on a namespace: one that goes with its last client cannot go before this is dropped.
pub(super) struct Lease {
    namespace: Namespace,
    server: Option<Arc<Server>>,
}

impl Lease {
    pub(super) fn namespace(&self) -> &Namespace {
        &self.namespace
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.registry.leave(&self.namespace);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({:?})", self.namespace)
    }
}

/// Whether `name` fits `pattern`, in which each `*` stands for one or more characters other than a slash.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(tail) = name.strip_prefix(head) else { return false };
    let run = tail.find('/').unwrap_or(tail.len());
    (1..=run).filter(|&end| tail.is_char_boundary(end)).any(|end| fits(rest, &tail[end..]))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_something_within_one_segment() {
        for (pattern, name, expected) in [
            ("/swarm-*", "/swarm-7", true),
            ("/swarm-*", "/swarm-", false),
            ("/swarm-*", "/swarm-7/x", false),
            ("/*/control", "/a/control", true),
            ("/*/control", "/a/b/control", false),
            ("/*a", "/aaa", true),
            ("/plain", "/plain", true),
            ("/plain", "/plainly", false),
            ("/*", "/é", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
