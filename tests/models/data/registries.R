# What R gives for the three registries beside this file: Rscript registries.R > registries_r.csv
# R 4.2.2, MASS 7.3.58.2, sandwich 3.0.2, lmtest 0.9.40. Ratios are logarithms, per SD of the exposure.
suppressMessages({library(MASS); library(sandwich); library(lmtest)})
options(warn = -1)
say <- function(...) cat(paste(c(..1, ..2, ..3, formatC(..4, digits = 12, format = "g", width = -1)), collapse = ","), "\n", sep = "")
q <- qchisq(0.95, 1)
ends <- function(height, top, at, step) {   # where twice the profile likelihood has fallen by q
  fall <- function(v) 2 * (top - height(v)) - q
  one <- function(sign) { far <- step; while (fall(at + sign * far) < 0 && far < 1e3) far <- 2 * far
    uniroot(fall, sort(c(at, at + sign * far)), tol = 1e-11)$root }
  c(one(-1), one(1))
}
firth <- function(X, y, hold = NULL, at = 0) {   # logistf's penalised likelihood, by Newton and halving
  k <- ncol(X); free <- setdiff(seq_len(k), hold); b <- rep(0, k); b[hold] <- at
  l <- function(b) { p <- plogis(X %*% b); w <- as.vector(p * (1 - p))
    sum(y * plogis(X %*% b, log.p = TRUE) + (1 - y) * plogis(-(X %*% b), log.p = TRUE)) +
      determinant(crossprod(X, X * w))$modulus / 2 }
  for (i in 1:2000) {
    p <- as.vector(plogis(X %*% b)); w <- p * (1 - p); R <- sqrt(w) * X
    h <- diag(R %*% solve(crossprod(R)) %*% t(R))
    u <- crossprod(X, y - p + h * (0.5 - p))[free]
    s <- solve(crossprod(R)[free, free, drop = FALSE], u)
    d <- rep(0, k); d[free] <- s; f <- 1
    while (l(b + f * d) < l(b) - 1e-14 && f > 1e-9) f <- f / 2
    b <- b + f * d
    if (max(abs(u)) < 1e-12) break
  }
  list(b = b, l = as.numeric(l(b)))
}
nb <- function(f, d) {   # glm.nb, and where it runs to its boundary the Poisson model
  tight <- glm.control(epsilon = 1e-14, maxit = 500)
  p <- glm(f, poisson, d, control = tight); m <- tryCatch(glm.nb(f, d, control = tight), error = function(e) NULL)
  if (is.null(m) || m$theta > 1e4 || logLik(m) < logLik(p)) list(b = coef(p), alpha = 0, l = as.numeric(logLik(p)))
  else list(b = coef(m), alpha = 1 / m$theta, l = as.numeric(logLik(m)))
}
registry <- function(name, d, cut, others) {
  right <- paste(others, collapse = " + ")
  of <- function(y, x, ...) as.formula(paste(y, "~", paste(c(x, right, ...), collapse = " + ")))
  known <- function(...) d[complete.cases(d[, c(...)]), ]
  k <- known("n_lesions", "clinical_severity"); x <- k$n_lesions; y <- k$clinical_severity
  for (m in c("spearman", "kendall")) {
    r <- cor.test(x, y, method = m, exact = FALSE); say(name, m, "estimate", r$estimate); say(name, m, "p", r$p.value) }
  p <- sapply(c("n_lesions", "spine", "crp"), function(e) {   # of the linear models without adjustment
    k <- known(e, "clinical_severity"); f <- lm(as.formula(paste("clinical_severity ~", e)), k)
    coeftest(f, vcovHC(f, "HC3"))[2, 4] })
  for (e in names(p)) say(name, "linear alone", paste("p", e), p[e])
  for (e in names(p)) say(name, "linear alone", paste("holm", e), p.adjust(p, "holm")[e])
  for (e in names(p)) say(name, "linear alone", paste("bh", e), p.adjust(p, "BH")[e])
  k <- known("n_lesions", "clinical_severity", others); k$z <- k$n_lesions / sd(k$n_lesions)
  f <- lm(of("clinical_severity", "z"), k); v <- vcovHC(f, "HC3")
  say(name, "linear", "slope", coef(f)["z"]); i <- coefci(f, "z", vcov. = v); say(name, "linear", "low", i[1])
  say(name, "linear", "high", i[2]); say(name, "linear", "p", coeftest(f, v)["z", 4])
  k$s <- factor(k$clinical_severity); tight <- list(reltol = 1e-16, maxit = 5000)
  zero <- polr(of("s", NULL), k, control = tight); f <- polr(of("s", "z"), k, control = tight)
  h <- function(v) { k$o <- v * k$z; as.numeric(logLik(polr(of("s", NULL, "offset(o)"), k, control = tight))) }
  i <- ends(h, as.numeric(logLik(f)), coef(f)["z"], 0.5)
  say(name, "ordinal", "slope", coef(f)["z"]); say(name, "ordinal", "low", i[1]); say(name, "ordinal", "high", i[2])
  say(name, "ordinal", "p", pchisq(2 * as.numeric(logLik(f) - logLik(zero)), 1, lower = FALSE))
  say(name, "ordinal", "cut point", f$zeta[1])
  for (c in cut) {
    X <- cbind(model.matrix(of("clinical_severity", NULL), k), k$z); y <- as.numeric(k$clinical_severity >= c)
    n <- ncol(X); m <- paste("firth from", c)
    f <- firth(X, y); i <- ends(function(v) firth(X, y, n, v)$l, f$l, f$b[n], 0.5)
    say(name, m, "slope", f$b[n]); say(name, m, "low", i[1]); say(name, m, "high", i[2])
    say(name, m, "p", pchisq(2 * (f$l - firth(X, y, n, 0)$l), 1, lower = FALSE))
  }
  k <- known("n_lesions", "n_crises", others); k$z <- k$n_lesions / sd(k$n_lesions)
  f <- glm(of("n_crises", "z"), poisson, k, control = glm.control(epsilon = 1e-14)); zero <- update(f, . ~ . - z)
  h <- function(v) { k$o <- v * k$z; as.numeric(logLik(glm(of("n_crises", NULL, "offset(o)"), poisson, k))) }
  i <- ends(h, as.numeric(logLik(f)), coef(f)["z"], 0.5)
  say(name, "poisson", "slope", coef(f)["z"]); say(name, "poisson", "low", i[1]); say(name, "poisson", "high", i[2])
  say(name, "poisson", "p", anova(zero, f, test = "LRT")[2, 5])
  say(name, "poisson", "dispersion", sum(resid(f, "pearson")^2) / f$df.residual)
  f <- nb(of("n_crises", "z"), k)
  h <- function(v) { k$o <- v * k$z; nb(of("n_crises", NULL, "offset(o)"), k)$l }
  i <- ends(h, f$l, f$b["z"], 0.5)
  say(name, "negative_binomial", "slope", f$b["z"]); say(name, "negative_binomial", "low", i[1])
  say(name, "negative_binomial", "high", i[2]); say(name, "negative_binomial", "dispersion", f$alpha)
  say(name, "negative_binomial", "p", pchisq(2 * (f$l - nb(of("n_crises", NULL), k)$l), 1, lower = FALSE))
}
yes <- function(d, ...) { for (v in c("male", "spine")) d[[v]] <- as.numeric(d[[v]] == ..1); d }
cat("registry,model,quantity,value\n")
registry("15", yes(read.csv("registry_15.csv"), "yes"), c(5, 9), c("age_diagnosis"))
d <- read.csv2("registry_61.csv", na.strings = c("", "n.b."), fileEncoding = "UTF-8", check.names = FALSE)
names(d) <- c("patient", "n_lesions", "clinical_severity", "n_crises", "age_diagnosis", "male", "spine", "crp", "centre")
d$clinical_severity[d$clinical_severity == 99] <- NA; d$male <- as.numeric(d$male == "m"); d$spine <- as.numeric(d$spine == "ja")
d$crp <- d$crp / 10
registry("61", d, 6, c("age_diagnosis", "male"))
registry("400", yes(read.csv("registry_400.csv"), "yes"), 6, c("age_diagnosis", "centre"))
