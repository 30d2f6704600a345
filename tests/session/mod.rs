//! Sessions: they depend on nobody's settings, and leave none behind.

mod german;
mod money;
mod pooler;
mod settings;
mod superuser;
