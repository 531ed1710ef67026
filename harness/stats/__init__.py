"""From stored predictions to scores with intervals, to differences with p-values, and to who is better than whom.

Read in this order: `weights` (how often each row occurs in each resample), `panel` (rows sorted once), the kernels
(one block of 64 resamples, in numpy or compiled), `bootstrap` (all blocks), `design` (groups, strata, refusals),
`jackknife` (what each row contributes), `variance` (rows and seeds), `intervals` (one model), `joint` (all models of a
task), `paired`, `ranking` (all pairs, ranks, step-down), `suite` and `shared` (several tasks), `permutation`,
`planning`.
"""
