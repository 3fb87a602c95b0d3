//! The object that is asked for, from the words for it.

use anyhow::{Result, bail};
use kube::api::ApiResource;

use crate::kinds::{Catalogue, Served};

/// Short names that kubectl knows of built-in kinds.
const SHORT: [(&str, &str); 19] = [
    ("cj", "cronjobs.batch"),
    ("cm", "configmaps"),
    ("crd", "customresourcedefinitions.apiextensions.k8s.io"),
    ("deploy", "deployments.apps"),
    ("ds", "daemonsets.apps"),
    ("hpa", "horizontalpodautoscalers.autoscaling"),
    ("ing", "ingresses.networking.k8s.io"),
    ("limits", "limitranges"),
    ("netpol", "networkpolicies.networking.k8s.io"),
    ("ns", "namespaces"),
    ("pc", "priorityclasses.scheduling.k8s.io"),
    ("pdb", "poddisruptionbudgets.policy"),
    ("po", "pods"),
    ("pv", "persistentvolumes"),
    ("pvc", "persistentvolumeclaims"),
    ("rs", "replicasets.apps"),
    ("sa", "serviceaccounts"),
    ("sts", "statefulsets.apps"),
    ("svc", "services"),
];

/// One object on the hub.
#[derive(Clone, Debug)]
pub struct Object {
    pub api: ApiResource,
    pub namespace: Option<String>,
    pub name: String,
}

impl Object {
    /// The operator's question.
    pub fn query(&self) -> String {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        format!(
            "/debug/why?kind={}&apiVersion={}&namespace={namespace}&name={}",
            encoded(&self.api.kind),
            encoded(&self.api.api_version),
            encoded(&self.name)
        )
    }
}

/// The words of `KIND/NAME` or `KIND NAME`.
pub fn split(words: &[String]) -> Result<(String, String)> {
    let (kind, name) = match words {
        [one] => match one.split_once('/') {
            Some((kind, name)) => (kind, name),
            None => bail!("{one:?} names no object: write KIND/NAME, such as deployment/{one}"),
        },
        [kind, name] if kind.contains('/') => bail!("{kind:?} and {name:?}: write KIND/NAME or KIND NAME"),
        [kind, name] => (kind.as_str(), name.as_str()),
        _ => bail!("write KIND/NAME or KIND NAME"),
    };
    if kind.is_empty() || name.is_empty() || name.contains('/') {
        bail!("{:?} names no object: write KIND/NAME, such as deployment/web", words.join(" "));
    }
    Ok((kind.to_owned(), name.to_owned()))
}

/// Which kind the word means, and so the whole object.
pub fn find((kind, name): &(String, String), catalogue: &Catalogue, namespace: &str) -> Result<Object> {
    let short = SHORT.iter().find(|(short, _)| short.eq_ignore_ascii_case(kind));
    let word = short.map_or(kind.as_str(), |(_, long)| long);
    let found = catalogue.find(word);
    // As kubectl does: the core group goes before others.
    let core = found.iter().find(|served| served.name.group.is_empty()).copied();
    let served: &Served = match (core, found.as_slice()) {
        (Some(core), _) => core,
        (None, [one]) => one,
        (None, []) => bail!("the hub serves no kind {kind:?}; `kubectl api-resources` lists those it serves"),
        (None, several) => {
            let names: Vec<String> = several.iter().map(|served| served.name.to_string()).collect();
            bail!("{kind:?} can mean {}: say which", names.join(" or "));
        }
    };
    let namespace = served.namespaced.then(|| namespace.to_owned());
    Ok(Object { api: served.api.clone(), namespace, name: name.clone() })
}

/// Names have few letters that a query must not hold as they are.
fn encoded(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            kept.push(char::from(byte));
        } else {
            kept.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    kept
}

fn digit(half: u8) -> char {
    char::from_digit(u32::from(half), 16).unwrap_or_default().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Result<(String, String)> {
        split(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    fn query(kind: &str) -> Result<String> {
        let served =
            [("apps", "deployments", "Deployment"), ("", "services", "Service"), ("a.io", "services", "Service")];
        let catalogue = served.iter().map(|(group, plural, kind)| Served::for_tests(group, plural, kind)).collect();
        find(&(kind.to_owned(), "web".to_owned()), &catalogue, "shop").map(|object| object.query())
    }

    #[test]
    fn an_object_is_named_in_one_word_or_in_two() {
        let web = ("deploy".to_owned(), "web".to_owned());
        assert_eq!(words(&["deploy/web"]).unwrap(), web);
        assert_eq!(words(&["deploy", "web"]).unwrap(), web);
        for wrong in [&["web"][..], &["deploy/"], &["/web"], &["deploy/a/b"], &["deploy/a", "b"]] {
            assert!(words(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn kinds_are_known_by_short_name_plural_kind_and_group() {
        let wanted = "/debug/why?kind=Deployment&apiVersion=apps%2Fv1&namespace=shop&name=web";
        for word in ["deploy", "deployment", "Deployments", "deployments.apps"] {
            assert_eq!(query(word).unwrap(), wanted);
        }
        assert!(query("svc").unwrap().contains("apiVersion=v1&"), "the core group goes first");
        assert!(query("widget").unwrap_err().to_string().contains("widget"));
    }
}
