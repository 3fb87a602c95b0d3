//! The workloads that tests place.

use serde_json::{Value, json};

/// A Deployment of pods that start everywhere.
pub fn deployment(replicas: i64) -> Value {
    json!({"spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": pods("registry.example/web:1.0"),
    }})
}

/// A template of pods labelled `app=web`. Images below `fake/` never start.
pub fn pods(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image}], "terminationGracePeriodSeconds": 0},
    })
}
