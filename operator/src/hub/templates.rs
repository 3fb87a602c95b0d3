//! Templates of the hub: the user's objects of the kinds that policies select.
//!
//! Of each template stays what matching, scheduling and fencing look at. The
//! content itself is kept only until it is rendered; when it is needed again
//! it is read from the hub again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use atoll_decide::ids::{Gvk, ObjectKey};
use atoll_decide::interpret::{self, Demand};
use atoll_decide::render::{self, PrunedTemplate, marks};
use internment::ArcIntern;
use serde_json::Value;

use crate::members::intent::KindInfo;

/// One template.
#[derive(Clone, Debug)]
pub struct Template {
    /// The object.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: Arc<str>,
    /// Its resource version when last seen.
    pub resource_version: Arc<str>,
    /// Its generation.
    pub generation: i64,
    /// Its labels, for the selectors. Templates of one policy often say the same: equal ones are held once.
    pub labels: ArcIntern<BTreeMap<String, String>>,
    /// Its annotations that carry the claim and the user's switches; held like the labels.
    pub annotations: ArcIntern<BTreeMap<String, String>>,
    /// It is being deleted.
    pub deleting: bool,
    /// Hash of everything that is propagated: status and bookkeeping of the
    /// API server do not move it.
    pub content_hash: u64,
    /// Replicas and what one of them asks for; None for what has none.
    pub demand: Option<Arc<Demand>>,
    /// Why two copies must not run at once, when that is so.
    pub must_not_run_twice: Option<Arc<str>>,
    /// The propagated content, until it is rendered.
    pub content: Option<Arc<PrunedTemplate>>,
}

impl Template {
    /// From an object of the hub, as a watch or a read returned it.
    pub fn of(key: ObjectKey, object: Value, kind: &KindInfo) -> Self {
        let metadata = &object["metadata"];
        let text = |value: &Value| Arc::<str>::from(value.as_str().unwrap_or_default());
        let annotations = text_map(&metadata["annotations"])
            .into_iter()
            .filter(|(name, _)| marks::is_of_the_federation(name))
            .collect();
        let (uid, resource_version) = (text(&metadata["uid"]), text(&metadata["resourceVersion"]));
        let generation = metadata["generation"].as_i64().unwrap_or_default();
        let labels = ArcIntern::new(text_map(&metadata["labels"]));
        let deleting = !metadata["deletionTimestamp"].is_null();
        let scale = kind.scale.as_deref();
        let demand = interpret::demand(&key.gvk, &object, scale).map(Arc::new);
        let must_not_run_twice = interpret::must_not_run_twice(&key.gvk, &object).map(Arc::from);
        let content = render::prune(&key.gvk, object);
        Self {
            key,
            uid,
            resource_version,
            generation,
            labels,
            annotations: ArcIntern::new(annotations),
            deleting,
            content_hash: content.hash(),
            demand,
            must_not_run_twice,
            content: Some(Arc::new(content)),
        }
    }

    /// One of the kept annotations.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }

    /// The user takes part in nothing here: another controller owns the template.
    pub fn is_claimed_elsewhere(&self) -> bool {
        self.labels.contains_key(marks::CLAIMED_BY)
    }
}

fn text_map(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// All templates of the watched kinds.
#[derive(Default)]
pub struct Templates {
    by_key: RwLock<HashMap<ObjectKey, Arc<Template>>>,
    /// Kinds whose list has been complete.
    listed: RwLock<HashSet<Gvk>>,
}

impl Templates {
    /// Puts what was seen; returns whether anything but bookkeeping changed.
    pub fn put(&self, template: Template) -> bool {
        let mut by_key = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        let known = by_key.get(&template.key);
        let changed = known.is_none_or(|known| {
            known.uid != template.uid
                || known.content_hash != template.content_hash
                || known.generation != template.generation
                || known.deleting != template.deleting
        });
        let mut template = template;
        if !changed && known.is_some_and(|known| known.content.is_none()) {
            // Rendered already: the content is not kept a second time.
            template.content = None;
        }
        by_key.insert(template.key.clone(), Arc::new(template));
        changed
    }

    /// The template is gone.
    pub fn remove(&self, key: &ObjectKey) -> bool {
        self.by_key.write().unwrap_or_else(PoisonError::into_inner).remove(key).is_some()
    }

    /// One template.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Template>> {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Lets go of the content of exactly this state of the template.
    pub fn drop_content(&self, rendered: &Template) {
        let mut by_key = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_key.get_mut(&rendered.key)
            && known.content_hash == rendered.content_hash
            && known.content.is_some()
        {
            Arc::make_mut(known).content = None;
        }
    }

    /// Keys of one kind.
    pub fn keys_of(&self, gvk: &Gvk) -> HashSet<ObjectKey> {
        self.by_key
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .filter(|key| key.gvk == *gvk)
            .cloned()
            .collect()
    }

    /// All keys for which `wanted` holds.
    pub fn keys_where(&self, wanted: impl Fn(&Template) -> bool) -> Vec<ObjectKey> {
        let by_key = self.by_key.read().unwrap_or_else(PoisonError::into_inner);
        by_key.values().filter(|template| wanted(template)).map(|template| template.key.clone()).collect()
    }

    /// The list of a kind is complete.
    pub fn set_listed(&self, gvk: &Gvk) {
        self.listed.write().unwrap_or_else(PoisonError::into_inner).insert(gvk.clone());
    }

    /// Whether the list of a kind has been complete: before, a template that
    /// is not here is unknown, not absent.
    pub fn is_listed(&self, gvk: &Gvk) -> bool {
        self.listed.read().unwrap_or_else(PoisonError::into_inner).contains(gvk)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
