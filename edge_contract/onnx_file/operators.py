"""The operators that a model may use.

Those of the ONNX standard without training and without reading of picture files, and those of
onnxruntime's own that its quantizer and its optimizer write. What is not here is refused: an
operator of a domain that nobody knows could be anything, and some of onnxruntime's own open files
(``EPContext``) or run loops that nothing bounds (``BeamSearch``).
"""

from typing import Final

__all__ = ["OPERATORS"]

_STANDARD: Final = """
    Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention
    AveragePool BatchNormalization Bernoulli BitCast BitShift BitwiseAnd BitwiseNot
    BitwiseOr BitwiseXor BlackmanWindow Cast CastLike CausalConvWithState Ceil Celu
    CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape
    Conv ConvInteger ConvTranspose Cos Cosh CumProd CumSum DFT DeformConv DepthToSpace
    DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand
    EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool
    GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization
    HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If InstanceNormalization
    IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual LinearAttention Log
    LogSoftmax Loop LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool
    MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul Multinomial
    Neg NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement OptionalHasElement
    Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN
    RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1
    ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign
    RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND Selu SequenceAt
    SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap
    Shape Shrink Sigmoid Sign SimplifiedLayerNormalization Sin Sinh Size Slice Softmax
    Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat
    StringNormalizer StringSplit Sub Sum SwiGLU Swish Tan Tanh TensorScatter TfIdfVectorizer
    ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor
"""

_CLASSIC: Final = """
    ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer
    Imputer LabelEncoder LinearClassifier LinearRegressor Normalizer OneHotEncoder
    SVMClassifier SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier
    TreeEnsembleRegressor ZipMap
"""

_ONNXRUNTIME: Final = """
    Attention BiasGelu BiasSoftmax BiasSplitGelu CDist ConvTransposeWithDynamicPads
    DequantizeLinear DynamicQuantizeLSTM DynamicQuantizeMatMul EmbedLayerNormalization
    ExpandDims FastGelu FusedConv FusedGemm FusedMatMul GatherBlockQuantized GatherND Gelu
    GroupNorm GroupQueryAttention Inverse Irfft MatMulBnb4 MatMulInteger16
    MatMulIntegerToFloat MatMulNBits MultiHeadAttention MurmurHash3 NGramRepeatBlock
    NhwcMaxPool PackedAttention PackedMultiHeadAttention QAttention QEmbedLayerNormalization
    QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool
    QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax QLinearWhere
    QMoE QuantizeLinear QuickGelu Rfft RotaryEmbedding SkipGroupNorm SkipLayerNormalization
    SkipSimplifiedLayerNormalization SparseToDenseMatMul Tokenizer TorchEmbedding
    TransposeMatMul Trilu Unique WordConvEmbedding
"""

OPERATORS: Final = {
    "": frozenset(_STANDARD.split()),
    "ai.onnx": frozenset(_STANDARD.split()),
    "ai.onnx.ml": frozenset(_CLASSIC.split()),
    "com.microsoft": frozenset(_ONNXRUNTIME.split()),
}
"""Names by domain; the empty domain is the standard's."""
