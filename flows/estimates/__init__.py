"""About how long steps will take, how much memory and disk: as before, as a probe showed, or by rule of thumb."""
