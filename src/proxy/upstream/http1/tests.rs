mod against_hyper;
