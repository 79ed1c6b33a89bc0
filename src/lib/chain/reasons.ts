/** What happened, and what to do now. */
type Reason = [message: string, remedy: string];

const NOTHING_TO_DO = 'Nothing needs to be done.';
const READ_AGAIN = 'Read the ledger again, then try again.';

/** What our contracts' own errors mean to a person. Names as in contracts/src/libraries/Errors.sol. */
export const reasons: Record<string, Reason> = {
	NotAllowed: ['This account may not do this.', 'Use the account that owns it.'],
	UnknownContributor: [
		'A contributor in this batch is not registered.',
		'Register the contributor first, then try again.'
	],
	UnknownModel: ['This model is not registered on this network.', 'Choose a registered model.'],
	UnknownDatanet: [
		'A Datanet version that this names is not registered.',
		'Publish that version first, then try again.'
	],
	UnknownBatch: ['There is no such settlement.', READ_AGAIN],
	UnknownCheckpoint: [
		'There is no such reward root, or it was refuted.',
		'Read the ledger again, then continue the newest root.'
	],
	UnknownRules: ['There is no such version of the rules.', 'Read the rules again.'],
	WrongBatch: ['The settlements that this names are not those on the chain.', READ_AGAIN],
	WrongLeaves: ['The weights are not those that were settled.', READ_AGAIN],
	WrongPath: [
		'The proof does not fit the reward root that holds now.',
		'A newer root has become final. Read the rewards again, then claim.'
	],
	WrongWitness: ['The recomputation does not fit the root before it.', READ_AGAIN],
	MalformedProof: ['The proof is damaged.', READ_AGAIN],
	ZeroAmount: ['The amount is zero.', 'Enter an amount.'],
	ZeroAddress: ['The address is empty.', 'Enter an address.'],
	WrongNonce: [
		'This settlement was already made, here or in another tab.',
		'Nothing was paid twice. The ledger shows the settlement.'
	],
	InsufficientBalance: [
		'The prepaid balance does not cover this.',
		'Deposit more, or wait until what earlier payments locked is free again.'
	],
	MalformedLeaves: ['The weights are malformed.', 'Compose the settlement again.'],
	TransferFailed: ['The receiving address does not take the coin.', 'Choose another address to receive it.'],
	EmptyCheckpoint: ['There is nothing to post.', 'Wait until something was settled.'],
	TooManyRoots: ['These are more settlements than one root can cover.', 'Post fewer at once.'],
	NotPending: ['This reward root is not waiting any more.', READ_AGAIN],
	TooEarly: ['It is too early for this.', 'Wait until the time that is shown, then try again.'],
	StepIsCorrect: ['This reward root is right, so it cannot be refuted.', NOTHING_TO_DO],
	NothingHere: ['There is nothing left to collect here.', NOTHING_TO_DO],
	OutOfBounds: [
		'A number is outside the bounds that the contracts allow.',
		'Choose a number within the bounds that are shown.'
	],
	MalformedSources: ['The Datanets’ shares do not add up.', 'Let them add up to 100 %.'],
	LengthMismatch: ['Two lists that belong together differ in length.', 'Compose it again.'],
	UnitsOnlyGrow: ['Units can only be raised.', 'Give more units than the contributor holds already.'],
	StakeTooSmall: ['The stake is too small.', 'Stake at least what the rules ask for.'],
	StillUnbonding: ['The stake is still unbonding.', 'Wait until the date that is shown.'],
	NotDrawn: ['This settlement was not drawn for an audit.', NOTHING_TO_DO],
	AlreadyDone: ['This was done already.', NOTHING_TO_DO],
	WrongReveal: ['What is shown is not what was settled.', 'Show the stored receipts unchanged.'],
	ClaimIsCorrect: ['What is accused is right.', NOTHING_TO_DO],
	// OpenZeppelin's, as far as a person can meet them
	GovernorInsufficientProposerVotes: [
		'This account has too few votes to propose.',
		'Wrap more OPEN into gOPEN and delegate it to yourself; votes count from the next second.'
	],
	GovernorUnexpectedProposalState: [
		'The proposal is not at the stage for this.',
		'Look at its timeline: it is too early, too late, or done already.'
	],
	GovernorAlreadyCastVote: ['This account has voted already.', NOTHING_TO_DO],
	GovernorNonexistentProposal: ['There is no such proposal.', 'Read the proposals again.'],
	TimelockUnexpectedOperationState: [
		'The waiting time after the vote is not over.',
		'Execute it once the time that is shown has come.'
	],
	ERC20InsufficientBalance: ['There is not enough gOPEN.', 'Choose a smaller amount.'],
	ERC20InsufficientAllowance: ['The contract may not take the tokens.', 'Approve the amount first.']
};
