# Writes R's answers on each CSV file here: fit, predictions with their 95 % intervals, and the fit
# without species, which answers for a species that is not in the rows.
#   LC_ALL=C.UTF-8 Rscript make.R
answers <- function(fit, cases) {
  predicted <- predict(fit, cases, interval = "prediction", level = 0.95)
  cbind(cases, weight = predicted[, "fit"], lower_95 = predicted[, "lwr"], upper_95 = predicted[, "upr"])
}
for (file in Sys.glob("*.csv")) {
  rows <- read.csv(file, stringsAsFactors = FALSE)
  fit <- lm(weight ~ length + height + species, data = rows)
  pooled <- lm(weight ~ length + height, data = rows)
  table <- coef(summary(fit))
  out <- list(
    formula = "weight ~ length + height + species",
    coefficients = data.frame(
      term = rownames(table), estimate = table[, 1], std_error = table[, 2], t_value = table[, 3],
      p_value = table[, 4], row.names = NULL
    ),
    r_squared = summary(fit)$r.squared,
    adj_r_squared = summary(fit)$adj.r.squared,
    residual_std_error = summary(fit)$sigma,
    f_statistic = unname(summary(fit)$fstatistic[1]),
    predictions = answers(fit, expand.grid(
      length = c(60.5, 81, 88.25), height = c(14.25, 18.5), species = unique(rows$species), stringsAsFactors = FALSE
    )),
    pooled = list(prediction = as.list(answers(pooled, data.frame(length = 86.37, height = 18.74))))
  )
  writeLines(jsonlite::toJSON(out, auto_unbox = TRUE, digits = 15, pretty = TRUE), sub("csv$", "json", file))
}
