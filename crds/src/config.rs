//! Group `config.karmada.io/v1alpha1`: teaching the federation about kinds.

pub mod interpreter_context;
pub mod interpreter_customization;
pub mod interpreter_webhook;
