"""From shards to a trained model: models, batches, loss, checkpoints."""
