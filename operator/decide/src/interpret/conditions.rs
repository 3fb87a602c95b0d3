//! Conditions of an aggregated status. Times move only when something else of
//! the condition does, so that an unchanged status causes no write.

use serde_json::{Value, json};

/// A condition as it should stand.
pub(super) struct Condition {
    /// `type`
    pub kind: &'static str,
    /// `status`; there is no Unknown among the aggregated ones.
    pub holds: bool,
    /// One word.
    pub reason: &'static str,
    /// One sentence.
    pub message: String,
}

/// Puts `wanted` into the `conditions` that are there. Conditions of other
/// types stay as they are. `second_time` names the kind's other time field, which
/// moves with every change, where it has one (`lastUpdateTime`, `lastProbeTime`).
pub(super) fn merge(there: &Value, wanted: Vec<Condition>, second_time: Option<&str>, now: &str) -> Value {
    let mut conditions = there.as_array().cloned().unwrap_or_default();
    for condition in wanted {
        let at = conditions.iter().position(|other| other["type"] == condition.kind);
        let old = at.map_or(Value::Null, |at| conditions[at].clone());
        let new = render(&condition, &old, second_time, now);
        match at {
            Some(at) => conditions[at] = new,
            None => conditions.push(new),
        }
    }
    Value::Array(conditions)
}

/// Whether a condition of this type is True in the list.
pub(super) fn holds(conditions: &Value, kind: &str) -> bool {
    let mut list = conditions.as_array().into_iter().flatten();
    list.any(|condition| condition["type"] == kind && condition["status"] == "True")
}

fn render(condition: &Condition, old: &Value, second_time: Option<&str>, now: &str) -> Value {
    let status = if condition.holds { "True" } else { "False" };
    let same_status = old["status"] == status;
    if same_status && old["reason"] == condition.reason && old["message"] == condition.message {
        return old.clone();
    }
    let since = if same_status { old["lastTransitionTime"].clone() } else { Value::Null };
    let mut new = json!({
        "type": condition.kind,
        "status": status,
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": if since.is_null() { json!(now) } else { since },
    });
    if let Some(field) = second_time {
        new[field] = json!(now);
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(holds: bool, message: &str) -> Vec<Condition> {
        vec![Condition { kind: "Ready", holds, reason: "Because", message: message.into() }]
    }

    #[test]
    fn an_unchanged_condition_keeps_its_times() {
        let first = merge(&Value::Null, ready(true, "a"), Some("lastUpdateTime"), "t1");
        assert_eq!(merge(&first, ready(true, "a"), Some("lastUpdateTime"), "t2"), first);
    }

    #[test]
    fn another_message_moves_the_second_time_alone() {
        let first = merge(&Value::Null, ready(true, "a"), Some("lastUpdateTime"), "t1");
        let second = merge(&first, ready(true, "b"), Some("lastUpdateTime"), "t2");
        assert_eq!(second[0]["lastTransitionTime"], "t1");
        assert_eq!(second[0]["lastUpdateTime"], "t2");
    }

    #[test]
    fn another_status_moves_the_transition_time() {
        let first = merge(&Value::Null, ready(true, "a"), None, "t1");
        assert_eq!(merge(&first, ready(false, "a"), None, "t2")[0]["lastTransitionTime"], "t2");
    }

    #[test]
    fn conditions_of_others_stay() {
        let theirs = json!([{"type": "Paused", "status": "True"}]);
        let merged = merge(&theirs, ready(true, "a"), None, "t1");
        assert_eq!(merged[0], theirs[0]);
        assert!(holds(&merged, "Ready"));
        assert!(!holds(&merged, "Absent"));
    }
}
