//! The native module of the Python package `temperance`: arrays in, the library's functions, arrays out.

mod arrays;
mod calibrators;
mod command;
mod errors;
mod losses;
mod parameters;
mod registry;
mod softmax;
mod targets;

use pyo3::prelude::*;

/// The native part of temperance.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("FitError", module.py().get_type::<errors::FitError>())?;
    module.add_class::<calibrators::Calibrator>()?;
    module.add_function(wrap_pyfunction!(losses::loss, module)?)?;
    module.add_function(wrap_pyfunction!(softmax::softmax, module)?)?;
    module.add_function(wrap_pyfunction!(softmax::log_softmax, module)?)?;
    module.add_function(wrap_pyfunction!(softmax::temperature_scale, module)?)?;
    module.add_function(wrap_pyfunction!(softmax::entropy, module)?)?;
    module.add_function(wrap_pyfunction!(softmax::confidence_penalty, module)?)?;
    module.add_function(wrap_pyfunction!(calibrators::fit, module)?)?;
    module.add_function(wrap_pyfunction!(calibrators::evaluate, module)?)?;
    module.add_function(wrap_pyfunction!(command::main, module)?)?;
    module.add_function(wrap_pyfunction!(command::command, module)?)?;
    module.add_function(wrap_pyfunction!(registry::registry, module)?)?;
    Ok(())
}
