//! Sessions: they depend on nobody's settings, and leave none behind.

mod pooler;
mod settings;
