"""Which of scikit-learn's estimators convert: a list that may only grow; none wrong silently."""

import pytest
from sklearn.utils import all_estimators

from benchmarks.conversion_sweep import Outcome, Verdict, by_edgefleet, sweep
from converters.sklearn_more.boosted import READERS
from converters.sklearn_more.registry import CONVERTERS, STAND_INS

CONVERT = frozenset(
    (
        "ARDRegression",
        "AdaBoostClassifier",
        "AdaBoostRegressor",
        "AdditiveChi2Sampler",
        "AffinityPropagation",
        "BaggingClassifier",
        "BaggingRegressor",
        "BayesianGaussianMixture",
        "BayesianRidge",
        "BernoulliNB",
        "BernoulliRBM",
        "Binarizer",
        "Birch",
        "BisectingKMeans",
        "CCA",
        "CalibratedClassifierCV",
        "CategoricalNB",
        "ClassifierChain",
        "ColumnTransformer",
        "ComplementNB",
        "CountVectorizer",
        "DecisionTreeClassifier",
        "DecisionTreeRegressor",
        "DictionaryLearning",
        "DummyClassifier",
        "DummyRegressor",
        "ElasticNet",
        "ElasticNetCV",
        "EllipticEnvelope",
        "ExtraTreeClassifier",
        "ExtraTreeRegressor",
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "FactorAnalysis",
        "FastICA",
        "FeatureAgglomeration",
        "FeatureUnion",
        "FixedThresholdClassifier",
        "FunctionTransformer",
        "GammaRegressor",
        "GaussianMixture",
        "GaussianNB",
        "GaussianProcessClassifier",
        "GaussianProcessRegressor",
        "GaussianRandomProjection",
        "GenericUnivariateSelect",
        "GradientBoostingClassifier",
        "GradientBoostingRegressor",
        "GridSearchCV",
        "HashingVectorizer",
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
        "HuberRegressor",
        "IncrementalPCA",
        "IsolationForest",
        "Isomap",
        "IsotonicRegression",
        "KBinsDiscretizer",
        "KMeans",
        "KNNImputer",
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "KNeighborsTransformer",
        "KernelCenterer",
        "KernelPCA",
        "KernelRidge",
        "LabelBinarizer",
        "LabelEncoder",
        "LabelPropagation",
        "LabelSpreading",
        "Lars",
        "LarsCV",
        "Lasso",
        "LassoCV",
        "LassoLars",
        "LassoLarsCV",
        "LassoLarsIC",
        "LatentDirichletAllocation",
        "LinearDiscriminantAnalysis",
        "LinearRegression",
        "LinearSVC",
        "LinearSVR",
        "LocalOutlierFactor",
        "LocallyLinearEmbedding",
        "LogisticRegression",
        "LogisticRegressionCV",
        "MLPClassifier",
        "MLPRegressor",
        "MaxAbsScaler",
        "MeanShift",
        "MinMaxScaler",
        "MiniBatchDictionaryLearning",
        "MiniBatchKMeans",
        "MiniBatchNMF",
        "MiniBatchSparsePCA",
        "MissingIndicator",
        "MultiOutputClassifier",
        "MultiOutputRegressor",
        "MultiTaskElasticNet",
        "MultiTaskElasticNetCV",
        "MultiTaskLasso",
        "MultiTaskLassoCV",
        "MultinomialNB",
        "NMF",
        "NearestCentroid",
        "NeighborhoodComponentsAnalysis",
        "Normalizer",
        "NuSVC",
        "NuSVR",
        "Nystroem",
        "OneClassSVM",
        "OneHotEncoder",
        "OneVsOneClassifier",
        "OneVsRestClassifier",
        "OrdinalEncoder",
        "OrthogonalMatchingPursuit",
        "OrthogonalMatchingPursuitCV",
        "OutputCodeClassifier",
        "PCA",
        "PLSCanonical",
        "PLSRegression",
        "PLSSVD",
        "PassiveAggressiveClassifier",
        "PassiveAggressiveRegressor",
        "Perceptron",
        "Pipeline",
        "PoissonRegressor",
        "PolynomialCountSketch",
        "PolynomialFeatures",
        "PowerTransformer",
        "QuadraticDiscriminantAnalysis",
        "QuantileRegressor",
        "QuantileTransformer",
        "RANSACRegressor",
        "RBFSampler",
        "RFE",
        "RFECV",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
        "RadiusNeighborsTransformer",
        "RandomForestClassifier",
        "RandomForestRegressor",
        "RandomTreesEmbedding",
        "RandomizedSearchCV",
        "RegressorChain",
        "Ridge",
        "RidgeCV",
        "RidgeClassifier",
        "RidgeClassifierCV",
        "RobustScaler",
        "SGDClassifier",
        "SGDOneClassSVM",
        "SGDRegressor",
        "SVC",
        "SVR",
        "SelectFdr",
        "SelectFpr",
        "SelectFromModel",
        "SelectFwe",
        "SelectKBest",
        "SelectPercentile",
        "SelfTrainingClassifier",
        "SequentialFeatureSelector",
        "SimpleImputer",
        "SkewedChi2Sampler",
        "SparseCoder",
        "SparsePCA",
        "SparseRandomProjection",
        "SplineTransformer",
        "StackingClassifier",
        "StackingRegressor",
        "StandardScaler",
        "TargetEncoder",
        "TfidfTransformer",
        "TfidfVectorizer",
        "TheilSenRegressor",
        "TransformedTargetRegressor",
        "TruncatedSVD",
        "TunedThresholdClassifierCV",
        "TweedieRegressor",
        "VarianceThreshold",
        "VotingClassifier",
        "VotingRegressor",
    )
)

REFUSED = {
    "DictVectorizer": "X holds dict, but devices take numbers and texts",
    "FeatureHasher": "X holds dict, but devices take numbers and texts",
    "MultiLabelBinarizer": "its rows differ in length",
    "PatchExtractor": "X must have two axes",
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    return {it.name: it for it in sweep(by_edgefleet, kind="float32")}


def named(outcomes: dict[str, Outcome], verdict: Verdict) -> set[str]:
    return {name for name, outcome in outcomes.items() if outcome.verdict is verdict}


def test_what_once_converted_still_does(outcomes: dict[str, Outcome]) -> None:
    lost = {name: outcomes[name].reason for name in CONVERT - named(outcomes, Verdict.RIGHT)}

    assert lost == {}
    assert len(CONVERT) >= 150


def test_what_newly_converts_is_in_the_list(outcomes: dict[str, Outcome]) -> None:
    assert named(outcomes, Verdict.RIGHT) - CONVERT == set()


def test_no_estimator_is_wrong_silently(outcomes: dict[str, Outcome]) -> None:
    assert [it for it in outcomes.values() if it.verdict is Verdict.WRONG] == []


def test_every_refusal_says_why(outcomes: dict[str, Outcome]) -> None:
    for name, words in REFUSED.items():
        assert outcomes[name].verdict is Verdict.REFUSED
        assert words in outcomes[name].reason
    assert named(outcomes, Verdict.REFUSED) == set(REFUSED)


def test_every_own_converter_is_of_an_estimator_that_the_sweep_tries(
    outcomes: dict[str, Outcome],
) -> None:
    swept = {kind for name, kind in all_estimators() if name in outcomes}

    assert {kind.__name__ for kind in {*CONVERTERS, *STAND_INS} - set(READERS) - swept} == {
        "FrozenEstimator",
        "IterativeImputer",
        "Transforming",
    }
