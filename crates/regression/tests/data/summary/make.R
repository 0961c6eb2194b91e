# Writes R's summary of each CSV file here: the first column by all others.
#   LC_ALL=C.UTF-8 Rscript make.R
for (file in Sys.glob("*.csv")) {
  rows <- read.csv(file, check.names = FALSE, stringsAsFactors = FALSE)
  terms <- if (ncol(rows) > 1) sprintf("`%s`", names(rows)[-1]) else "1"
  formula <- reformulate(terms, response = names(rows)[1])
  sink(sub("csv$", "txt", file))
  print(summary(eval(bquote(lm(.(formula), data = rows)))))
  sink()
}
