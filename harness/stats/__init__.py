"""From stored predictions to scores with intervals, and to differences with p-values.

Read in this order: `weights` (how often each row occurs in each resample), `panel` (rows sorted once), the kernels
(one block of 64 resamples, in numpy or compiled), `bootstrap` (all blocks), `design` (groups, strata, refusals),
`jackknife` (what each row contributes), `variance` (rows and seeds), `intervals`, `paired`.
"""
