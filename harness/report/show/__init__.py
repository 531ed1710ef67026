"""One page on one thing: a task, a suite, a family of models, a model or a run."""
