"""From a request to records: plan the cells, run what is missing, keep every prediction.

request ─plan─► planned cells ─run─► replicates ─score─► RunRecord + Predictions ─store─► .json + .npz
"""
